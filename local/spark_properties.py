"""The properties by which Spark runs a Glue job on one machine, against the local AWS."""

from __future__ import annotations

import re
from pathlib import Path

from local import jars

CLASSES = Path(__file__).resolve().parents[1] / ".venv-glue" / "spark-classes.jsa"
"""Made by class_archive.py; the JVM ignores it when it does not fit."""
_JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m -XX:+UseSerialGC -Duser.timezone=UTC"


def write(path: Path, endpoint_url: str, conf: str = "", *, record_classes: Path | None = None) -> Path:
    """Write the properties file of one run.

    Args:
        conf: the job's `--conf` argument as Glue takes it: `a=b --conf c=d`.
        record_classes: where the JVM shall write the classes that it has loaded, when it ends.
    """
    # what the machine needs wins over what the job says
    properties = parse_conf(conf) | local(endpoint_url)
    if record_classes:
        properties["spark.driver.extraJavaOptions"] = f"{_JAVA_OPTIONS} -XX:ArchiveClassesAtExit={record_classes}"
    path.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    return path


def parse_conf(conf: str) -> dict[str, str]:
    """`a=b --conf c=d` as a dictionary."""
    pairs = (part.strip().partition("=") for part in re.split(r"(?:^|\s)--conf\s", conf))
    return {name: value for name, equals, value in pairs if equals}


def local(endpoint_url: str) -> dict[str, str]:
    """Two cores, one JVM, S3 at `endpoint_url`, Delta without a network."""
    return {
        "spark.master": "local[2]",
        "spark.driver.memory": "1g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraClassPath": f"{jars.folder()}/*",
        "spark.driver.extraJavaOptions": f"{_JAVA_OPTIONS} {class_archive()}".strip(),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.delta.logStore.class": "org.apache.spark.sql.delta.storage.S3SingleDriverLogStore",
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.endpoint": endpoint_url,
        "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.ui.enabled": "false",
        "spark.sql.ui.explainMode": "simple",  # nobody sees the plans, but each is made into text
        "spark.sql.maxPlanStringLength": "0",
        # By default a hundred of the classes that Spark makes for plans are kept. Jobs make more, so the next one in
        # this JVM would have to make, and Java to compile, most of them again.
        "spark.sql.codegen.cache.maxEntries": "1000",
        "spark.ui.showConsoleProgress": "false",
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.sql.shuffle.partitions": "2",
        "spark.default.parallelism": "2",
    }


def class_archive() -> str:
    """Return the JVM's options for the recorded classes; empty where there are none."""
    return f"-XX:SharedArchiveFile={CLASSES} -Xshare:auto" if CLASSES.exists() else ""
