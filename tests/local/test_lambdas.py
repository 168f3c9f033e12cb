import io
import json
import time
import zipfile

from local.aws.lambdas import with_error_class

HANDLER = """
import os
class NothingToArchive(Exception): pass
def handler(event, context):
    if event.get("die"):
        os._exit(1)
    if event.get("fail"):
        raise NothingToArchive("batch 7 has no manifest; expected one")
    return {"endpoint": os.environ["AWS_ENDPOINT_URL"], "bucket": os.environ["LEDGERLAKE_BUCKET"]}
"""


def make(client, name: str) -> None:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("handler.py", HANDLER)
    client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role="arn:aws:iam::000000000000:role/test",
        Handler="handler.handler",
        Code={"ZipFile": package.getvalue()},
        Environment={"Variables": {"LEDGERLAKE_BUCKET": "lake"}},
    )
    while client("lambda").get_function(FunctionName=name)["Configuration"]["State"] != "Active":
        time.sleep(0.05)


def test_an_error_keeps_its_class_and_message(client):
    make(client, "failing")
    answer = client("lambda").invoke(FunctionName="failing", Payload=json.dumps({"fail": True}))
    body = json.loads(answer["Payload"].read())
    assert answer["FunctionError"] == "Unhandled"
    assert body["errorType"] == "NothingToArchive"
    assert body["errorMessage"] == "batch 7 has no manifest; expected one"


def test_a_process_that_dies_is_called_as_on_aws_and_the_next_call_finds_another(client):
    make(client, "dying")
    invoked = client("lambda").invoke(FunctionName="dying", Payload=b'{"die": true}')
    assert json.loads(invoked["Payload"].read())["errorType"] == "Runtime.ExitError"
    assert "FunctionError" not in client("lambda").invoke(FunctionName="dying", Payload=b"{}")


def test_a_handler_finds_the_local_aws_by_its_environment(client, aws_home):
    make(client, "working")
    answer = json.loads(client("lambda").invoke(FunctionName="working", Payload=b"{}")["Payload"].read())
    assert answer == {"endpoint": aws_home.endpoint_url, "bucket": "lake"}


def test_a_result_without_a_traceback_is_left_as_it_is():
    result = {"body": {"errorType": "Runtime.HandlerError", "errorMessage": "x"}, "error": True, "log": ""}
    assert with_error_class(result)["body"]["errorType"] == "Runtime.HandlerError"
