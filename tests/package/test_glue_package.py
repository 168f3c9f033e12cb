"""The wheel and the scripts load a batch in an environment with Spark, Delta and the wheel, and nothing of the tree."""

import subprocess
from types import SimpleNamespace

import pytest

from infra.release.packaging import ROOT, script_key, wheel_key
from ledgerlake import keys, names, settings
from ledgerlake.contracts import DATASETS
from ledgerlake.planning import batch
from local import jars, spark_properties
from tests import local_aws

LOCAL = settings.from_environment({"LEDGERLAKE_ENVIRONMENT": "local", "LEDGERLAKE_SETTLE_SECONDS": "0"})
BUCKET = names.Places.of(LOCAL).bucket
FILES = {
    "products": """product_id,department_id,department,product_name
1,1,Books,Atlas
""",
    "orders": """order_num,order_id,user_id,order_timestamp,total_amount,date
1,7,42,2025-04-02T10:00:00,19.90,2025-04-02
""",
    "order_items": """id,order_id,user_id,product_id,add_to_cart_order,reordered,order_timestamp,date
3,7,42,1,1,false,2025-04-02T10:00:00,2025-04-02
""",
}
_JAVA = [".venv-glue/bin/python", "local/java.py"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    with local_aws.running(tmp_path_factory.mktemp("aws")) as client:
        s3 = client("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        for dataset, text in FILES.items():
            s3.put_object(Bucket=BUCKET, Key=f"{keys.raw_prefix(dataset)}a.csv", Body=text.encode())
        yield client


@pytest.fixture(scope="module")
def glue(bare, uv, built, run, aws, tmp_path_factory):
    """glue(job, batch) runs the script as Glue does; the wheel is installed, as --additional-python-modules does."""
    if not jars.folder().is_dir():
        pytest.skip("needs Spark's jars: make setup")
    python, folder = bare(".venv-glue"), tmp_path_factory.mktemp("glue")
    uv("pip", "install", "--quiet", "--python", python, "--requirements", ROOT / "requirements" / "glue.txt")
    wheel = built.path(f"{built.release.name}/{wheel_key()}")
    uv("pip", "install", "--quiet", "--python", python, "--no-deps", wheel)
    environment = {
        **local_aws.environment(aws),
        "JAVA_HOME": subprocess.run(_JAVA, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip(),
        "PYSPARK_PYTHON": str(python),
        "PYSPARK_SUBMIT_ARGS": f"--properties-file {_properties(folder, aws)} pyspark-shell",
        "SPARK_LOCAL_IP": "127.0.0.1",
        "TZ": "UTC",
    }

    def start(job: str, batch_id: str):
        script = built.path(f"{built.release.name}/{script_key(job)}")
        arguments = ("--batch_id", batch_id, "--lake_bucket", BUCKET)
        return run(python, script, *arguments, env=environment, cwd=folder)

    return SimpleNamespace(python=python, start=start)


def _properties(folder, aws):
    return spark_properties.write(folder / "spark.properties", aws("s3").meta.endpoint_url)


def test_the_three_jobs_load_a_batch_by_the_wheel_alone(glue, aws):
    s3 = aws("s3")
    planned = None
    while planned is None:  # what has landed this very second is left to the next look
        planned = batch.plan(s3, BUCKET, LOCAL).batch
    for dataset in DATASETS.values():
        done = glue.start(dataset.job, planned.batch_id)
        assert done.returncode == 0, done.stderr[-3000:]
        assert "inserted" in done.stdout + done.stderr
        prefix = f"{keys.LEDGER}dataset={dataset.name}/{planned.batch_id}"
        assert s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["KeyCount"] == 1
        commits = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{keys.table_prefix(dataset.name)}_delta_log/")
        assert commits["KeyCount"] > 0


def test_the_library_is_that_of_the_wheel(glue, run, tmp_path):
    code = "import ledgerlake, ledgerlake_glue.job as job; print(ledgerlake.__file__); print(job.__file__)"
    done = run(glue.python, "-c", code, env={}, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    environment = glue.python.parent.parent
    assert all(line.startswith(str(environment)) for line in done.stdout.splitlines())
