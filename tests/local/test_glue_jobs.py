"""Runs of Glue jobs on the local AWS. The scripts need no Spark, so that each takes a second."""

from __future__ import annotations

import time
import zipfile
from io import BytesIO

import psutil
import pytest

from local import processes
from local.aws import spark_gateway

BUCKET = "test-lake"

pytestmark = pytest.mark.slow


@pytest.fixture
def run(client, request):
    """`run(script, **settings)` makes a job of the script and starts it; returns (job, run id)."""

    def start(script: str, **settings):
        name = request.node.name
        client("s3").put_object(Bucket=BUCKET, Key=f"jobs/{name}.py", Body=script.encode())
        client("glue").create_job(
            Name=name,
            Role="arn:aws:iam::000000000000:role/test",
            Command={"Name": "glueetl", "ScriptLocation": f"s3://{BUCKET}/jobs/{name}.py"},
            **settings,
        )
        return name, client("glue").start_job_run(JobName=name)["JobRunId"]

    return start


def finished(client, job: str, run_id: str, seconds: float = 30) -> dict:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = client("glue").get_job_run(JobName=job, RunId=run_id)["JobRun"]
        if found["JobRunState"] in ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT"):
            return found
        time.sleep(0.05)
    raise AssertionError(f"{job} is still {found['JobRunState']}")


def processes_of_glue(home) -> list[psutil.Process]:
    """Those of runs, without the JVM that waits for the next one."""
    mine = ((each, " ".join(each.cmdline())) for each in processes.left_behind(home))
    return [each for each, line in mine if ".venv-glue" in line and "spark_gateway" not in line and "java" not in line]


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_run_executes_the_script_with_the_jobs_and_the_runs_arguments(client, run, aws_home):
    script = f"""
import boto3, sys
boto3.client("s3").put_object(Bucket="{BUCKET}", Key="said", Body=" ".join(sys.argv[1:]).encode())
print("done")
"""
    job, run_id = run(script, DefaultArguments={"--lake_bucket": "a"})
    assert finished(client, job, run_id)["JobRunState"] == "SUCCEEDED"
    said = client("s3").get_object(Bucket=BUCKET, Key="said")["Body"].read().decode()
    assert said.startswith("--lake_bucket a")
    assert run_id in said
    assert (aws_home.logs / "glue" / job / f"{run_id}.log").read_text() == "done\n"


def test_extra_python_files_can_be_imported(client, run):
    wheel = BytesIO()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("shipped/__init__.py", "ANSWER = 42")
    client("s3").put_object(Bucket=BUCKET, Key="jobs/shipped-1-py3-none-any.whl", Body=wheel.getvalue())
    job, run_id = run(
        "import shipped; assert shipped.ANSWER == 42",
        DefaultArguments={"--additional-python-modules": f"s3://{BUCKET}/jobs/shipped-1-py3-none-any.whl"},
    )
    assert finished(client, job, run_id)["JobRunState"] == "SUCCEEDED"


def test_the_tree_itself_is_not_importable_so_that_a_job_has_only_what_was_shipped(client, run):
    job, run_id = run("import ledgerlake")
    assert finished(client, job, run_id)["ErrorMessage"] == "ModuleNotFoundError: No module named 'ledgerlake'"


SPARK = {"DefaultArguments": {"--datalake-formats": "delta"}}
JVM = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
try:
    made = spark.range(10).selectExpr("sum(id) as total").first().total
    print("jvm", spark._jvm.java.lang.ProcessHandle.current().pid(), spark.sparkContext.applicationId, made)
    {then}
finally:
    spark.stop()
"""


def spark_run(client, run, aws_home, then="pass", end="SUCCEEDED", seconds=90) -> list[str]:
    """Process of the JVM, id of Spark's application, and what it counted."""
    job, run_id = run(JVM.format(then=then), **SPARK)
    assert finished(client, job, run_id, seconds)["JobRunState"] == end
    log = (aws_home.logs / "glue" / job / f"{run_id}.log").read_text()
    client("glue").delete_job(JobName=job)
    return next(line.split()[1:] for line in log.splitlines() if line.startswith("jvm "))


def test_a_spark_run_finds_a_jvm_that_an_earlier_one_has_warmed_up_and_a_spark_of_its_own(client, run, aws_home):
    first, second = spark_run(client, run, aws_home), spark_run(client, run, aws_home)
    assert first[0] == second[0]
    assert first[1] != second[1]
    assert first[2] == second[2] == "45"


def test_the_jvm_of_a_run_that_failed_is_not_used_again(client, run, aws_home):
    failed = spark_run(client, run, aws_home, then="raise SystemExit(3)", end="FAILED")
    assert not is_alive(int(failed[0]))
    assert spark_run(client, run, aws_home)[0] != failed[0]


def test_a_jvm_that_does_not_start_fails_its_run_with_the_reason_and_holds_up_no_other(client, run, aws_home):
    wrong = {"--datalake-formats": "delta", "--conf": "spark.submit.deployMode=cluster"}
    job, run_id = run(JVM.format(then="pass"), DefaultArguments=wrong)
    found = finished(client, job, run_id)
    assert found["JobRunState"] == "FAILED"
    assert "Cluster deploy mode is" in found["ErrorMessage"]
    client("glue").delete_job(JobName=job)
    spark_run(client, run, aws_home, seconds=spark_gateway.PATIENCE - 10)


def test_stopping_a_spark_run_ends_its_jvm(client, run, aws_home):
    warm = spark_run(client, run, aws_home)[0]
    job, run_id = run(JVM.format(then="import time; time.sleep(60)"), **SPARK)
    log = aws_home.logs / "glue" / job / f"{run_id}.log"
    wait_for(lambda: log.exists() and "jvm " in log.read_text(), seconds=60)
    client("glue").batch_stop_job_run(JobName=job, JobRunIds=[run_id])
    assert finished(client, job, run_id)["JobRunState"] == "STOPPED"
    assert not is_alive(int(warm))


def test_spark_runs_beyond_what_the_machine_can_warm_take_turns(client, run, aws_home):
    glue, beyond = client("glue"), spark_gateway.MOST + 1
    job, first = run(JVM.format(then="pass"), **SPARK, ExecutionProperty={"MaxConcurrentRuns": beyond})
    runs = [first, *(glue.start_job_run(JobName=job)["JobRunId"] for _ in range(beyond - 1))]
    assert [finished(client, job, each, seconds=90)["JobRunState"] for each in runs] == ["SUCCEEDED"] * beyond
    logs = [(aws_home.logs / "glue" / job / f"{each}.log").read_text() for each in runs]
    jvms = {line.split()[1] for log in logs for line in log.splitlines() if line.startswith("jvm ")}
    assert 1 <= len(jvms) <= spark_gateway.MOST


def test_python_workers_find_what_was_shipped_also_in_a_jvm_that_served_another_run(client, run):
    for answer in (42, 43):
        wheel = BytesIO()
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("shipped/__init__.py", f"ANSWER = {answer}")
        name = f"jobs/shipped-{answer}-py3-none-any.whl"
        client("s3").put_object(Bucket=BUCKET, Key=name, Body=wheel.getvalue())
        script = f"""
from pyspark.sql import SparkSession
def read(batches):
    import shipped
    for batch in batches:
        assert shipped.ANSWER == {answer}, shipped.ANSWER
        yield batch
spark = SparkSession.builder.getOrCreate()
assert spark.range(10).mapInArrow(read, "id bigint").count() == 10
spark.stop()
"""
        settings = {"--datalake-formats": "delta", "--additional-python-modules": f"s3://{BUCKET}/{name}"}
        job, run_id = run(script, DefaultArguments=settings)
        found = finished(client, job, run_id, seconds=90)
        assert found["JobRunState"] == "SUCCEEDED", found["ErrorMessage"]
        client("glue").delete_job(JobName=job)


def test_a_failed_run_states_the_last_line_of_the_traceback(client, run):
    job, run_id = run("class RuleError(Exception): pass\n\nraise RuleError('7 rows; expected none')")
    found = finished(client, job, run_id)
    assert (found["JobRunState"], found["ErrorMessage"]) == ("FAILED", "RuleError: 7 rows; expected none")


def test_the_log_goes_to_cloudwatch_too(client, run):
    job, run_id = run("print('counted 3 rows')")
    assert finished(client, job, run_id)["LogGroupName"] == "/aws-glue/jobs"
    events = client("logs").get_log_events(logGroupName="/aws-glue/jobs/output", logStreamName=run_id)["events"]
    assert [event["message"] for event in events] == ["counted 3 rows"]


def test_a_missing_script_fails_the_run_and_says_so(client, run):
    job, run_id = run("pass")
    finished(client, job, run_id)
    client("s3").delete_object(Bucket=BUCKET, Key=f"jobs/{job}.py")
    wait_for(
        lambda: not any(r["JobRunState"] == "RUNNING" for r in client("glue").get_job_runs(JobName=job)["JobRuns"])
    )
    wait_for(lambda: client("glue").get_job_runs(JobName=job)["JobRuns"][0]["JobRunState"] == "SUCCEEDED")
    found = finished(client, job, client("glue").start_job_run(JobName=job)["JobRunId"])
    assert found["JobRunState"] == "FAILED"
    assert "NoSuchKey" in found["ErrorMessage"]


def test_a_second_run_beyond_max_concurrent_runs_is_refused_until_the_first_has_ended(client, run):
    glue = client("glue")
    job, first = run("import time; time.sleep(60)", ExecutionProperty={"MaxConcurrentRuns": 1})
    with pytest.raises(glue.exceptions.ConcurrentRunsExceededException, match=f"Concurrent runs exceeded for {job}"):
        glue.start_job_run(JobName=job)
    glue.batch_stop_job_run(JobName=job, JobRunIds=[first])
    finished(client, job, first)
    second = glue.start_job_run(JobName=job)["JobRunId"]
    glue.batch_stop_job_run(JobName=job, JobRunIds=[second])
    assert finished(client, job, second)["JobRunState"] == "STOPPED"


def test_a_job_allows_as_many_runs_as_it_says(client, run):
    glue = client("glue")
    job, first = run("import time; time.sleep(60)", ExecutionProperty={"MaxConcurrentRuns": 2})
    second = glue.start_job_run(JobName=job)["JobRunId"]
    with pytest.raises(glue.exceptions.ConcurrentRunsExceededException):
        glue.start_job_run(JobName=job)
    glue.batch_stop_job_run(JobName=job, JobRunIds=[first, second])
    assert [finished(client, job, each)["JobRunState"] for each in (first, second)] == ["STOPPED", "STOPPED"]


def test_stopping_a_run_ends_its_process_and_the_processes_that_it_started(client, run, aws_home):
    job, run_id = run("import subprocess; subprocess.run(['sleep', '60'])")
    wait_for(lambda: any(each.children() for each in processes_of_glue(aws_home)))
    family = [process for each in processes_of_glue(aws_home) for process in (each, *each.children())]
    client("glue").batch_stop_job_run(JobName=job, JobRunIds=[run_id])
    assert finished(client, job, run_id)["JobRunState"] == "STOPPED"
    _, alive = psutil.wait_procs(family, timeout=3)
    assert alive == []


def test_a_run_that_has_ended_cannot_be_stopped(client, run):
    job, run_id = run("pass")
    finished(client, job, run_id)
    answer = client("glue").batch_stop_job_run(JobName=job, JobRunIds=[run_id])
    assert answer["Errors"][0]["ErrorDetail"]["ErrorMessage"] == f"Run {run_id} is in state SUCCEEDED"
