"""Integrations of Step Functions on the local AWS, with AWS's answers and AWS's names of errors."""

from __future__ import annotations

import io
import json
import time
import zipfile
from uuid import uuid4

import pytest

from local import local_aws, processes
from tests.local.conftest import BUCKET, client_of

pytestmark = pytest.mark.slow

ROLE = "arn:aws:iam::000000000000:role/test"
JOB_SYNC, QUERY_SYNC = "glue:startJobRun.sync", "athena:startQueryExecution.sync"
ENDED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


def task(resource: str, arguments: dict, **more) -> dict:
    return {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Arguments": arguments, "End": True, **more}


def definition(*states: dict, **more) -> dict:
    """The states one after the other; their names are S0, S1, …"""
    named = {f"S{number}": dict(state) for number, state in enumerate(states)}
    for number, state in enumerate(list(named.values())[:-1]):
        state.pop("End", None)
        state["Next"] = f"S{number + 1}"
    return {"QueryLanguage": "JSONata", "StartAt": "S0", "States": named, **more}


@pytest.fixture
def start(client):
    """start(state, …) starts an execution of these states and returns its ARN."""

    def begin(*states: dict, given: dict | None = None, **more) -> str:
        machine = client("stepfunctions").create_state_machine(
            name=f"m-{uuid4().hex[:12]}", roleArn=ROLE, definition=json.dumps(definition(*states, **more))
        )["stateMachineArn"]
        arn = client("stepfunctions").start_execution(stateMachineArn=machine, input=json.dumps(given or {}))
        return arn["executionArn"]

    return begin


@pytest.fixture
def run(client, start):
    """run(state, …) is the execution of these states when it has ended."""
    return lambda *states, **more: ended(client, start(*states, **more))


def ended(client, arn: str, seconds: float = 60) -> dict:
    deadline = time.monotonic() + seconds
    while (found := client("stepfunctions").describe_execution(executionArn=arn))["status"] not in ENDED:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def output(execution: dict):
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    return json.loads(execution["output"])


@pytest.fixture
def job(client, request):
    """job(script) makes a Glue job of it and returns its name."""

    def make(script: str, **settings) -> str:
        name = f"sfn-{uuid4().hex[:8]}"
        client("s3").put_object(Bucket=BUCKET, Key=f"jobs/{name}.py", Body=script.encode())
        command = {"Name": "glueetl", "ScriptLocation": f"s3://{BUCKET}/jobs/{name}.py"}
        client("glue").create_job(Name=name, Role=ROLE, Command=command, **settings)
        return name

    return make


@pytest.fixture
def function(client):
    """function(code) makes a Lambda of it and returns its ARN."""

    def make(code: str) -> str:
        package, name = io.BytesIO(), f"sfn-{uuid4().hex[:8]}"
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("handler.py", code)
        made = client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=ROLE,
            Handler="handler.handler",
            Code={"ZipFile": package.getvalue()},
            Timeout=30,
        )
        while client("lambda").get_function(FunctionName=name)["Configuration"]["State"] != "Active":
            time.sleep(0.05)
        return made["FunctionArn"]

    return make


def runs_of(client, name: str) -> list[str]:
    return [each["JobRunState"] for each in client("glue").get_job_runs(JobName=name)["JobRuns"]]


def wait_for(condition, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_job_is_waited_for_and_its_run_is_the_answer(run, job):
    name = job("print('done')")
    found = output(run(task(JOB_SYNC, {"JobName": name, "Arguments": {"--batch_id": "b"}})))
    assert (found["JobName"], found["JobRunState"]) == (name, "SUCCEEDED")
    assert found["Arguments"]["--batch_id"] == "b"
    assert found["CompletedOn"] >= found["StartedOn"] > 1_600_000_000_000, "milliseconds"


def test_a_job_that_fails_is_a_failed_task_whose_cause_is_the_run(run, job):
    failed = run(task(JOB_SYNC, {"JobName": job("raise ValueError('disk full')")}))
    assert (failed["status"], failed["error"]) == ("FAILED", "States.TaskFailed")
    cause = json.loads(failed["cause"])
    assert (cause["JobRunState"], cause["ErrorMessage"]) == ("FAILED", "ValueError: disk full")
    assert cause["Id"].startswith("jr_")


def test_a_second_run_of_a_job_is_refused_in_glues_words(run, start, client, job):
    name = job("import time; time.sleep(20)")
    first = start(task(JOB_SYNC, {"JobName": name}))
    wait_for(lambda: runs_of(client, name))
    second = run(task(JOB_SYNC, {"JobName": name}))
    assert second["error"] == "Glue.ConcurrentRunsExceededException"
    client("stepfunctions").stop_execution(executionArn=first)


def test_a_job_that_is_not_there_is_told_in_glues_words(run):
    assert run(task(JOB_SYNC, {"JobName": "nobody"}))["error"] == "Glue.EntityNotFoundException"


def test_stopping_an_execution_stops_its_job_and_it_stays_aborted(client, start, job):
    name = job("import time; time.sleep(60)")
    arn = start(task(JOB_SYNC, {"JobName": name}))
    wait_for(lambda: "RUNNING" in runs_of(client, name))
    client("stepfunctions").stop_execution(executionArn=arn)
    wait_for(lambda: runs_of(client, name) == ["STOPPED"])
    assert ended(client, arn)["status"] == "ABORTED"


def test_a_task_that_takes_too_long_is_given_up_and_its_job_stopped(client, run, job):
    name = job("import time; time.sleep(60)")
    failed = run(task(JOB_SYNC, {"JobName": name}, TimeoutSeconds=2))
    assert failed["error"] == "States.Timeout"
    wait_for(lambda: runs_of(client, name) == ["STOPPED"])


def test_an_execution_that_takes_too_long_is_ended_with_what_it_started(client, run, job):
    name = job("import time; time.sleep(60)")
    branch = {"StartAt": "Job", "States": {"Job": task(JOB_SYNC, {"JobName": name})}}
    late = run({"Type": "Parallel", "Branches": [branch], "End": True}, TimeoutSeconds=3)
    assert late["status"] == "TIMED_OUT"
    wait_for(lambda: runs_of(client, name) == ["STOPPED"])
    time.sleep(0.5)
    assert client("stepfunctions").describe_execution(executionArn=late["executionArn"])["status"] == "TIMED_OUT"


def test_branches_have_variables_of_their_own_and_their_results_can_be_kept(run):
    def branch(name: str) -> dict:
        states = {
            name: {"Type": "Pass", "Assign": {"own": name}, "Next": f"{name}2"},
            f"{name}2": {"Type": "Pass", "Output": "{% {'own': $own, 'given': $states.input.a} %}", "End": True},
        }
        return {"StartAt": name, "States": states}

    found = run(
        {
            "Type": "Parallel",
            "Branches": [branch("A"), branch("B")],
            "Assign": {"all": "{% $states.result.own %}"},
            "Output": "{% $count($states.result) %}",
            "End": True,
        },
        {"Type": "Pass", "Output": "{% {'all': $all, 'count': $states.input} %}", "End": True},
        given={"a": 1},
    )
    assert output(found) == {"all": ["A", "B"], "count": 2}


def test_a_query_is_waited_for_and_its_rows_are_read_the_header_among_them(run):
    sql = "SELECT * FROM (VALUES (1, 'a'), (2, NULL), (3, 'c')) AS t (id, name) ORDER BY id"
    asked = {"QueryString": sql, "WorkGroup": "shop", "QueryExecutionContext": {"Database": "shop"}}
    found = run(
        task(QUERY_SYNC, asked, Output="{% $states.result.QueryExecution %}"),
        task("athena:getQueryResults", {"QueryExecutionId": "{% $states.input.QueryExecutionId %}", "MaxResults": 3}),
    )
    rows = [[cell.get("VarCharValue") for cell in row["Data"]] for row in output(found)["ResultSet"]["Rows"]]
    assert rows == [["id", "name"], ["1", "a"], ["2", None]]


def test_a_query_that_fails_is_a_failed_task_whose_cause_says_why(run):
    asked = {"QueryString": "SELECT * FROM nowhere", "WorkGroup": "shop", "QueryExecutionContext": {"Database": "shop"}}
    failed = run(task(QUERY_SYNC, asked))
    assert failed["error"] == "States.TaskFailed"
    status = json.loads(failed["cause"])["QueryExecution"]["Status"]
    assert status["State"] == "FAILED"
    assert "TABLE_NOT_FOUND" in status["StateChangeReason"]


def test_an_error_of_a_function_has_the_class_that_it_raised(run, function):
    arn = function("class LeaseTaken(Exception): pass\ndef handler(event, context): raise LeaseTaken('airflow works')")
    failed = run(task("lambda:invoke", {"FunctionName": arn, "Payload": {}}))
    assert failed["error"] == "LeaseTaken"
    assert json.loads(failed["cause"])["errorMessage"] == "airflow works"


def test_nobody_waits_for_a_function_that_is_called_as_an_event(run, function, client):
    code = "import boto3, time\ndef handler(event, context):\n    time.sleep(3)\n"
    code += f"    boto3.client('s3').put_object(Bucket='{BUCKET}', Key=event['key'], Body=b'')\n"
    key = uuid4().hex
    begun = time.monotonic()
    call = {"FunctionName": function(code), "InvocationType": "Event", "Payload": {"key": key}}
    assert output(run(task("lambda:invoke", call)))["StatusCode"] == 202
    assert time.monotonic() - begun < 2.9
    wait_for(lambda: client("s3").list_objects_v2(Bucket=BUCKET, Prefix=key).get("KeyCount"))


def test_messages_are_sent_later_and_notifications_at_once(run, client):
    url = client("sqs").create_queue(QueueName=f"q-{uuid4().hex[:8]}")["QueueUrl"]
    topic = client("sns").create_topic(Name=f"t-{uuid4().hex[:8]}")["TopicArn"]
    found = run(
        task("sqs:sendMessage", {"QueueUrl": url, "MessageBody": {"look": "later"}, "DelaySeconds": "{% 1 + 1 %}"}),
        task("sns:publish", {"TopicArn": topic, "Subject": "A notification", "Message": "Dear"}),
    )
    assert output(found)["MessageId"]
    assert not client("sqs").receive_message(QueueUrl=url).get("Messages")
    (message,) = client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert json.loads(message["Body"]) == {"look": "later"}


def test_a_crawler_is_started_once_and_looked_at(run, client):
    name = f"c-{uuid4().hex[:8]}"
    client("glue").create_crawler(Name=name, Role=ROLE, DatabaseName="shop", Targets={"DeltaTargets": []})
    found = run(task("aws-sdk:glue:startCrawler", {"Name": name}), task("aws-sdk:glue:getCrawler", {"Name": name}))
    assert output(found)["Crawler"]["State"] in ("RUNNING", "STOPPING", "READY")
    assert run(task("aws-sdk:glue:startCrawler", {"Name": "none"}))["error"] == "Glue.EntityNotFoundException"


def test_an_execution_of_an_execution_is_waited_for_and_its_failure_is_a_failed_task(client, run):
    child = client("stepfunctions").create_state_machine(
        name=f"m-{uuid4().hex[:12]}",
        roleArn=ROLE,
        definition=json.dumps(
            {
                "QueryLanguage": "JSONata",
                "StartAt": "Which",
                "States": {
                    "Which": {
                        "Type": "Choice",
                        "Choices": [{"Condition": "{% $states.input.good %}", "Next": "Good"}],
                        "Default": "Bad",
                    },
                    "Good": {"Type": "Pass", "Output": {"is": "good"}, "End": True},
                    "Bad": {"Type": "Fail", "Error": "Rotten", "Cause": "it was old"},
                },
            }
        ),
    )["stateMachineArn"]
    nested = "states:startExecution.sync:2"
    name = uuid4().hex
    good = run(task(nested, {"StateMachineArn": child, "Name": name, "Input": {"good": True}}))
    assert (output(good)["Output"], output(good)["Name"]) == ({"is": "good"}, name)
    bad = run(task(nested, {"StateMachineArn": child, "Input": {"good": False}}))
    assert bad["error"] == "States.TaskFailed"
    cause = json.loads(bad["cause"])
    assert (cause["Status"], cause["Error"], cause["Cause"]) == ("FAILED", "Rotten", "it was old")
    again = run(task(nested, {"StateMachineArn": child, "Name": name, "Input": {"good": True}}))
    assert again["error"] == "StepFunctions.ExecutionAlreadyExistsException"


def test_messages_that_a_function_returns_come_back_and_the_others_do_not(client, function):
    code = (
        "import json\ndef handler(event, context):\n"
        "    back = [each['messageId'] for each in event['Records'] if 'again' in each['body']]\n"
        "    return {'batchItemFailures': [{'itemIdentifier': each} for each in back]}\n"
    )
    url = client("sqs").create_queue(
        QueueName=f"q-{uuid4().hex[:8]}", Attributes={"VisibilityTimeout": "3", "ReceiveMessageWaitTimeSeconds": "0"}
    )["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for body in ("good", "again"):
        client("sqs").send_message(QueueUrl=url, MessageBody=body)
    mapping = client("lambda").create_event_source_mapping(
        EventSourceArn=arn,
        FunctionName=function(code),
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        ScalingConfig={"MaximumConcurrency": 2},
    )["UUID"]
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def left() -> int:
        found = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"]
        return sum(int(found[name]) for name in counts)

    wait_for(lambda: left() == 1)
    client("lambda").update_event_source_mapping(UUID=mapping, Enabled=False)
    time.sleep(4)
    (message,) = client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert message["Body"] == "again"


def test_an_execution_that_ran_when_the_local_aws_ended_is_not_running_when_it_is_back(home):
    local_aws.start(home)
    local_aws.wait(home)
    states = client_of(home, "stepfunctions")
    waiting = definition({"Type": "Wait", "Seconds": 600, "End": True})
    machine = states.create_state_machine(name="long", roleArn=ROLE, definition=json.dumps(waiting))["stateMachineArn"]
    arn = states.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    wait_for(lambda: states.describe_execution(executionArn=arn)["status"] == "RUNNING")
    processes.stop(home, "aws")
    local_aws.start(home)
    local_aws.wait(home)
    assert states.describe_execution(executionArn=arn)["status"] == "FAILED"
