"""The committed template on a local AWS, unchanged."""

import json
import time

import pytest

from infra.release.packaging import build
from infra.synth import TEMPLATE, TEMPLATES
from ledgerlake import names, settings
from ledgerlake.tables import catalogue
from tests import local_aws

PLACES = names.Places.of(settings.from_environment({"LEDGERLAKE_ENVIRONMENT": "local"}))

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    """aws("s3") → a client of a local AWS that lives for this module."""
    with local_aws.running(tmp_path_factory.mktemp("aws")) as client:
        yield client


@pytest.fixture(scope="module")
def releases(aws, tmp_path_factory):
    """The name of this tree's release, uploaded, and that of a second one with the same content."""
    release = build(tmp_path_factory.mktemp("release"))
    second = "f" * 16
    aws("s3").create_bucket(Bucket=PLACES.artifact_bucket)
    aws("s3").upload_file(str(TEMPLATE), PLACES.artifact_bucket, TEMPLATE.name)
    for key, path in release.files.items():
        for name in (release.name, second):
            aws("s3").upload_file(str(path), PLACES.artifact_bucket, key.replace(release.name, name))
    return release.name, second


@pytest.fixture(scope="module")
def deployed(aws, releases):
    aws("cloudformation").create_stack(StackName=names.STACK, **_request(aws, releases[0]))
    return _settled(aws)


def test_the_template_deploys(deployed):
    assert deployed["StackStatus"] == "CREATE_COMPLETE"
    outputs = {output["OutputKey"]: output["OutputValue"] for output in deployed["Outputs"]}
    assert outputs["LakeBucket"] == PLACES.bucket
    assert outputs["TopicArn"] == PLACES.topic_arn
    assert outputs["QueueUrl"].endswith(PLACES.queue_url.removeprefix("https://sqs.us-east-1.amazonaws.com"))


@pytest.mark.usefixtures("deployed")
def test_the_lake_is_versioned(aws):
    assert aws("s3").get_bucket_versioning(Bucket=PLACES.bucket)["Status"] == "Enabled"


@pytest.mark.usefixtures("deployed")
def test_the_declared_tables_are_in_the_catalogue(aws):
    found = aws("glue").get_tables(DatabaseName=names.DATABASE)["TableList"]
    assert {table["Name"] for table in found} == {table.name for table in catalogue.declared_tables()}


@pytest.mark.usefixtures("deployed")
def test_a_delivery_sends_one_message_and_an_object_elsewhere_none(aws):
    queue = aws("sqs").get_queue_url(QueueName=names.QUEUE)["QueueUrl"]
    _receive_all(aws, queue)
    aws("s3").put_object(Bucket=PLACES.bucket, Key="staging/a.csv", Body=b"x")
    aws("s3").put_object(Bucket=PLACES.bucket, Key="raw/orders/a.csv.gz", Body=b"x")
    keys = [record["s3"]["object"]["key"] for body in _receive_all(aws, queue) for record in body["Records"]]
    assert keys == ["raw/orders/a.csv.gz"]


@pytest.mark.usefixtures("deployed")
def test_another_release_is_an_update(aws, releases):
    aws("cloudformation").update_stack(StackName=names.STACK, **_request(aws, releases[1]))
    assert _settled(aws)["StackStatus"] == "UPDATE_COMPLETE"
    script = aws("glue").get_job(JobName="orders_etl")["Job"]["Command"]["ScriptLocation"]
    assert script == f"s3://{PLACES.artifact_bucket}/{releases[1]}/glue/orders_etl.py"


UNKNOWN = ("AWS::IAM::OIDCProvider", "AWS::Budgets::", "AWS::LakeFormation::")
"""Types that the local AWS does not know. What refers to the first is left out with it, as are alarms that compute."""


@pytest.fixture(scope="module")
def rented(aws):
    """rented(stack, **parameters): deploys what the local AWS knows of the stack's template, and returns its state."""

    def deploy(stack: str, **parameters: str) -> str:
        template = json.loads(TEMPLATES[stack].read_text())
        kept = {
            name: each
            for name, each in template["Resources"].items()
            if not (each["Type"].startswith(UNKNOWN) or name.startswith("GitHub") or "Metrics" in each["Properties"])
        }
        outputs = {name: each for name, each in template["Outputs"].items() if "Condition" not in each}
        aws("s3").create_bucket(Bucket=f"templates-{stack.lower()}")
        body = json.dumps({**template, "Resources": kept, "Outputs": outputs})
        aws("s3").put_object(Bucket=f"templates-{stack.lower()}", Key="template", Body=body.encode())
        aws("cloudformation").create_stack(
            StackName=stack,
            TemplateURL=f"{aws('s3').meta.endpoint_url}/templates-{stack.lower()}/template",
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        return _settled(aws, stack=stack)["StackStatus"]

    return deploy


def test_the_delivery_stack_deploys_but_for_githubs_role(aws, rented):
    assert rented(names.DELIVERY_STACK, Environment="dev") == "CREATE_COMPLETE"
    bucket = "ledgerlake-artifacts-dev-000000000000-us-east-1"
    assert aws("s3").get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    policies = aws("iam").list_policies(Scope="Local")["Policies"]
    assert "ledgerlake-boundary-dev-us-east-1" in {policy["PolicyName"] for policy in policies}


def test_the_guardrails_deploy_but_for_budget_lake_formation_and_alarms_that_compute(aws, rented):
    arns = {"LakeKeyArn": "arn:aws:kms:us-east-1:000000000000:key/lake"}
    arns |= {name: "arn:aws:iam::000000000000:role/r" for name in ("CrawlerRoleArn", "CloudFormationRoleArn")}
    assert rented(names.GUARDRAILS_STACK, Environment="prod", **arns) == "CREATE_COMPLETE"
    alarms = aws("cloudwatch").describe_alarms(AlarmNamePrefix="ledgerlake-")["MetricAlarms"]
    assert {alarm["AlarmName"]: alarm["Threshold"] for alarm in alarms} == {"ledgerlake-oldest-delivery": 3600}
    roles = [role for role in aws("iam").list_roles()["Roles"] if role["RoleName"].startswith(names.GUARDRAILS_STACK)]
    assert len(roles) == len(("reader", "analyst", "operator", "Lake Formation's own"))


def _request(aws, release: str) -> dict:
    values = {"Environment": "local", "ArtifactBucket": PLACES.artifact_bucket, "Release": release}
    return {
        "TemplateURL": f"{aws('s3').meta.endpoint_url}/{PLACES.artifact_bucket}/{TEMPLATE.name}",
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()],
        "Capabilities": ["CAPABILITY_IAM"],
    }


def _settled(aws, seconds: float = 60, stack: str = names.STACK) -> dict:
    until = time.monotonic() + seconds
    while True:
        (found,) = aws("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        if not found["StackStatus"].endswith("IN_PROGRESS"):
            return found
        assert time.monotonic() < until, found["StackStatus"]
        time.sleep(0.1)


def _receive_all(aws, queue: str) -> list[dict]:
    bodies: list[dict] = []
    while (
        messages := aws("sqs")
        .receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        .get("Messages")
    ):
        bodies += [json.loads(message["Body"]) for message in messages]
    return bodies
