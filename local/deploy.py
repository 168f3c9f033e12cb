"""Deploy the committed data-plane template on the local AWS, with artefacts built from the tree.

It is the deployment of a real account: the same template, the same bytes, CloudFormation. Safe to
repeat at every start; it does little when nothing has changed.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from infra.release import packaging
from ledgerlake import names, settings
from local.aws_clients import client_arguments
from local.errors import DeployError
from local.home import ROOT, Home

TEMPLATE = ROOT / "infra" / "templates" / "ledgerlake-data-plane.template.json"
OUTBOX = "ecommerce-etl-notifications-local"
"""A queue that keeps what the topic sent, where a person's mailbox would be."""
_PATIENCE = 120
_ABSENT = ("DELETE_COMPLETE", "ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED")
"""States from which a stack cannot be updated."""


def deploy(home: Home, orchestrator: str | None = None) -> None:
    """Build, upload and deploy what has changed.

    Args:
        orchestrator: who consumes the queue; if not given, what the home says.

    Raises:
        DeployError: names the resource that failed and its reason.
    """
    where = names.Places.of(settings.from_environment(home.environment()), home.endpoint_url)
    session = client_arguments(home)
    with tempfile.TemporaryDirectory() as scratch:
        release = packaging.build(Path(scratch))
        template = _upload(boto3.client("s3", **session), where.artifact_bucket, release)
    parameters = {
        "Environment": "local",
        "ArtifactBucket": where.artifact_bucket,
        "Release": release.name,
        "Orchestrator": orchestrator or home.orchestrator,
    }
    _apply(boto3.client("cloudformation", **session), f"{home.endpoint_url}/{template}", parameters)
    _keep_notifications(boto3.client("sns", **session), boto3.client("sqs", **session), where.topic_arn)


def _upload(s3: Any, bucket: str, release: packaging.Release) -> str:
    """Put what is not there yet; returns `<bucket>/<key>` of the template, which is too long to be sent inline."""
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=bucket)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{release.name}/")
    there = {entry["Key"] for page in pages for entry in page.get("Contents", [])}
    for key, path in release.files.items():
        if key not in there:
            s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
    key = f"{release.name}/{TEMPLATE.name}"
    s3.put_object(Bucket=bucket, Key=key, Body=TEMPLATE.read_bytes())
    return f"{bucket}/{key}"


def _apply(cloudformation: Any, template_url: str, parameters: dict[str, str]) -> None:
    request = {
        "StackName": names.STACK,
        "TemplateURL": template_url,
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    }
    try:
        if _state(cloudformation) in _ABSENT:
            cloudformation.delete_stack(StackName=names.STACK)
            _settle(cloudformation)
        if _state(cloudformation) == "DELETE_COMPLETE":
            cloudformation.create_stack(**request)
        else:
            cloudformation.update_stack(**request)
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise DeployError(f"CloudFormation refused {TEMPLATE.name}: {str(error)[:500]}") from error
    state = _settle(cloudformation)
    if state not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise DeployError(
            f"the stack {names.STACK} is {state}: {_reason(cloudformation)}",
            expected="CREATE_COMPLETE or UPDATE_COMPLETE",
            remedy="correct the template, or ledgerlake up --fresh to begin with an empty lake",
        )


def _state(cloudformation: Any) -> str:
    try:
        stacks = cloudformation.describe_stacks(StackName=names.STACK)["Stacks"]
    except ClientError:
        return "DELETE_COMPLETE"
    return str(stacks[0]["StackStatus"]) if stacks else "DELETE_COMPLETE"


def _settle(cloudformation: Any) -> str:
    deadline = time.monotonic() + _PATIENCE
    while (state := _state(cloudformation)).endswith("IN_PROGRESS"):
        if time.monotonic() > deadline:
            raise DeployError(f"the stack {names.STACK} is still {state} after {_PATIENCE} seconds")
        time.sleep(0.1)
    return state


def _reason(cloudformation: Any) -> str:
    """Return the first resource that failed, and why."""
    events = cloudformation.describe_stack_events(StackName=names.STACK)["StackEvents"]
    failed = [each for each in events if each.get("ResourceStatus", "").endswith("FAILED")]
    causes = [each for each in failed if "ancel" not in each.get("ResourceStatusReason", "")] or failed or events
    if not causes:
        return "no event says why"
    first = min(causes, key=lambda each: each["Timestamp"])
    why = first.get("ResourceStatusReason", "no reason given")
    return f"{first['LogicalResourceId']} ({first['ResourceType']}): {why}"


def _keep_notifications(sns: Any, sqs: Any, topic: str) -> None:
    url = sqs.create_queue(QueueName=OUTBOX)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)  # the same subscription when repeated
