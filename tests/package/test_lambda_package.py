"""Each Lambda's zip answers in a Python with boto3 alone, as Lambda runs it: unpacked, and nothing beside it."""

import json
import zipfile
from types import SimpleNamespace

import pytest

from infra.functions import ARCHIVE, CATALOGUE, CHECK, FUNCTIONS, PLAN, REPORT
from infra.release.packaging import lambda_key
from ledgerlake import keys, names, settings
from ledgerlake.planning import batch
from tests import local_aws
from tests.published import publish

PLACES = names.Places.of(settings.from_environment({"LEDGERLAKE_ENVIRONMENT": "local"}))
_CALL = """
import json, sys
from types import SimpleNamespace
import handler
context = SimpleNamespace(
    aws_request_id="r-1", invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:f",
    get_remaining_time_in_millis=lambda: 600000,
)
print("ANSWER" + json.dumps(handler.handler(json.loads(sys.argv[1]), context)))
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    with local_aws.running(tmp_path_factory.mktemp("aws")) as client:
        s3 = client("s3")
        s3.create_bucket(Bucket=PLACES.bucket)
        s3.put_bucket_versioning(Bucket=PLACES.bucket, VersioningConfiguration={"Status": "Enabled"})
        yield client


@pytest.fixture(scope="module")
def call(aws, bare, uv, built, run, tmp_path_factory):
    """call(function, event) → its answer, from a process that has the zip and boto3."""
    python = bare(".venv")
    uv("pip", "install", "--quiet", "--python", python, "boto3")
    environment = {
        **local_aws.environment(aws),
        "LEDGERLAKE_ENVIRONMENT": "local",
        "LEDGERLAKE_BUCKET": PLACES.bucket,
        "LEDGERLAKE_SETTLE_SECONDS": "0",
        "LEDGERLAKE_ORCHESTRATOR": "step_functions",
        "STATE_MACHINE_ARN": PLACES.state_machine_arn,
        "TOPIC_ARN": PLACES.topic_arn,
    }

    def ask(function, event: dict) -> dict:
        folder = tmp_path_factory.mktemp(function.folder)
        with zipfile.ZipFile(built.path(f"{built.release.name}/{lambda_key(function.folder)}")) as package:
            package.extractall(folder)
        done = run(python, "-c", _CALL, json.dumps(event), env=environment, cwd=folder)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.rpartition("ANSWER")[2])

    return ask


@pytest.fixture(scope="module")
def answers(aws, call):
    """One batch of one file through all of them, and what each answered."""
    said = SimpleNamespace(idle=call(CHECK, {"look": "a test"}), catalogue=call(CATALOGUE, {}))
    for name in ("products", "orders", "order_items"):
        aws("s3").put_object(Bucket=PLACES.bucket, Key=f"raw/{name}/a.csv", Body=b"a\n1\n")
    event = {"execution": "e-1"}
    for _ in range(10):  # what has landed this very second is left to the next look
        said.plan = call(PLAN, event)
        if said.plan["batch_id"]:
            break
    publish(aws("s3"), PLACES.bucket, batch.load(aws("s3"), PLACES.bucket, said.plan["batch_id"]))
    said.archive = call(ARCHIVE, {"batch_id": said.plan["batch_id"]})
    said.report = call(REPORT, {**event, "plan": said.plan, "archive": said.archive, "failed": []})
    return said


def test_every_function_is_called_here():
    assert {CHECK, PLAN, ARCHIVE, CATALOGUE, REPORT} == set(FUNCTIONS)


def test_the_look_finds_that_nothing_waits(answers):
    assert answers.idle["outcome"].endswith("nothing waits in raw/")


def test_the_catalogue_is_compared_with_the_contracts(answers):
    assert "orders" in json.dumps(answers.catalogue)


def test_a_batch_is_planned_of_what_waits(answers):
    assert answers.plan["deliveries"] == 3
    assert answers.plan["datasets"] == ["products", "orders", "order_items"]


def test_its_files_are_archived(answers, aws):
    assert answers.archive["archived"] == 3
    kept = aws("s3").list_objects_v2(Bucket=PLACES.bucket, Prefix="archived/")["Contents"]
    assert len(kept) == 3
    assert "Contents" not in aws("s3").list_objects_v2(Bucket=PLACES.bucket, Prefix="raw/")


def test_the_report_names_the_batch_and_closes_it(answers, aws):
    assert answers.plan["batch_id"] in answers.report["subject"]
    assert "Contents" not in aws("s3").list_objects_v2(Bucket=PLACES.bucket, Prefix=keys.OPEN_BATCHES)
