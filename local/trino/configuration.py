"""The files that Trino is started with: one node on loopback, with the local AWS as its catalogue and storage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from local.home import REGION, Home

CATALOG = "awsdatacatalog"
"""Athena's name for the Glue catalogue. It is of the Hive kind, and leads to the other one for Delta tables."""
_DELTA = "awsdatacatalog_delta"
_HEAP_MB = 1500
_QUERY_MB = 500

JVM = (
    f"-Xmx{_HEAP_MB}M",
    "-XX:TieredStopAtLevel=1",  # the queries are short: what the second compiler would gain is never earned
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-OmitStackTraceInFastThrow",
    "-XX:ReservedCodeCacheSize=256M",
    "-Djdk.attach.allowAttachSelf=true",
    "-Dfile.encoding=UTF-8",
    "-Duser.timezone=UTC",
    "--enable-native-access=ALL-UNNAMED",
)


def write(home: Home, server: Path, port: int, *, bind: str = "127.0.0.1") -> Path:
    """Write `config.properties`, `log.properties` and the catalogues; returns their folder.

    Args:
        server: the unpacked server, whose plugins are used.
        bind: the address it listens on; nobody but this machine should reach it.
    """
    folder = home.folder / "trino" / "etc"
    (folder / "catalog").mkdir(parents=True, exist_ok=True)
    files: dict[str, dict[str, Any]] = {
        "config.properties": _node(folder, server, port, bind),
        "log.properties": {"io.trino": "WARN"},
        f"catalog/{CATALOG}.properties": {"connector.name": "hive", **_hive(), **_lake(home)},
        f"catalog/{_DELTA}.properties": {"connector.name": "delta_lake", **_delta(), **_lake(home)},
    }
    for name, properties in files.items():
        (folder / name).write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
    return folder


def _node(folder: Path, server: Path, port: int, bind: str) -> dict[str, Any]:
    return {
        "coordinator": "true",
        "node-scheduler.include-coordinator": "true",
        "node.environment": "local",
        "node.internal-address": "127.0.0.1",
        "node.bind-ip": bind,
        "http-server.http.port": port,
        "discovery.uri": f"http://127.0.0.1:{port}",
        "plugin.dir": server / "plugin",
        "catalog.config-dir": folder / "catalog",
        "catalog.management": "static",
        "query.max-memory": f"{_QUERY_MB}MB",
        "query.max-memory-per-node": f"{_QUERY_MB}MB",
        "memory.heap-headroom-per-node": "300MB",
        "task.concurrency": 2,
        "web-ui.enabled": "false",
        "http-server.log.enabled": "false",
    }


def _hive() -> dict[str, str]:
    return {
        "hive.delta-lake-catalog-name": _DELTA,
        "hive.partition-projection-enabled": "true",  # as Athena computes the ledger's partitions
        "hive.security": "allow-all",
    }


def _delta() -> dict[str, str]:
    return {"delta.metadata.cache-ttl": "0s", "delta.security": "allow-all"}


def _lake(home: Home) -> dict[str, str]:
    """Metastore and storage; the key is the one that every client of the local AWS uses."""
    key, secret = (home.environment()[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
    return {
        "hive.metastore": "glue",
        "hive.metastore.glue.region": REGION,
        "hive.metastore.glue.endpoint-url": home.endpoint_url,
        "hive.metastore.glue.aws-access-key": key,
        "hive.metastore.glue.aws-secret-key": secret,
        "fs.native-s3.enabled": "true",
        "s3.endpoint": home.endpoint_url,
        "s3.region": REGION,
        "s3.path-style-access": "true",
        "s3.aws-access-key": key,
        "s3.aws-secret-key": secret,
    }
