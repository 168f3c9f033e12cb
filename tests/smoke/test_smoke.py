"""What an environment has is this tree, and it answers: `make smoke-test ENV=dev`. Nothing is changed there."""

import os
import tempfile
from pathlib import Path

import pytest

from cli import connection
from cli.waiting import airflow_at
from infra import packaging
from ledgerlake import places
from ledgerlake.settings import ORCHESTRATORS


@pytest.fixture(scope="session")
def lake() -> connection.Connection:
    environment = os.environ.get("SMOKE_TEST")
    if not environment:
        pytest.skip("SMOKE_TEST names no environment: make smoke-test ENV=dev")
    return connection.connect(connection.Choice(environment))


@pytest.fixture(scope="session")
def stack(lake) -> dict:
    return lake.client("cloudformation").describe_stacks(StackName=places.STACK)["Stacks"][0]


def test_the_data_plane_is_deployed_from_this_tree(stack):
    given = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
    assert stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    with tempfile.TemporaryDirectory() as scratch:
        assert given["Release"] == packaging.build(Path(scratch)).name


def test_messages_that_nobody_can_read_go_to_the_dead_letters(lake):
    found = lake.client("sqs").get_queue_attributes(QueueUrl=lake.places.queue_url, AttributeNames=["All"])
    assert places.DEAD_LETTER_QUEUE in found["Attributes"]["RedrivePolicy"]


def test_the_archiving_function_can_be_called(lake):
    found = lake.client("lambda").get_function_configuration(FunctionName=places.ARCHIVE_FUNCTION)
    assert (found["State"], found.get("LastUpdateStatus", "Successful")) == ("Active", "Successful")


def test_the_state_machine_is_active(lake):
    found = lake.client("stepfunctions").describe_state_machine(stateMachineArn=lake.places.state_machine_arn)
    assert found["status"] == "ACTIVE"


def test_airflow_knows_the_dags(lake, stack):
    """Where Airflow consumes the queue; a DAG that could not be imported is not known."""
    given = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
    if given["Orchestrator"] != ORCHESTRATORS[0]:
        pytest.skip("Step Functions run the pipeline here")
    airflow = airflow_at(lake)
    for dag in (places.LIVE_DAG, places.BY_DATE_DAG):
        assert airflow.is_paused(dag) in (True, False)
