"""CheckDataAvailability: poll `raw/` and make sure that an execution is at work on what waits.

Event: messages of the queue (`{"Records": [{"eventSource": "aws:sqs", "messageId", "body"}, …]}`), a schedule's
event, or `{"look": "<why>"}` at the end of an execution. A message only triggers a poll; listings decide.

Response to messages: `{"batchItemFailures": [{"itemIdentifier": "<message id>"}, …]}`, the messages to redeliver.
Response to other events: `{"outcome": "<in words>", "batch_id": … or None, "execution": … or None}`.

A repeated event, or two concurrent ones, start one execution: the lease lets one dispatch plan, a batch stays open
until it is done, and an execution is named by its batch and its attempt.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from ledgerlake.errors import LedgerlakeError, SettingsError
from ledgerlake.intake import messages as codec
from ledgerlake.planning.availability import left_behind, wait_until_quiet
from ledgerlake.reporting.notification import Notification
from ledgerlake.runs.executions import StateMachine, dispatch_holder
from ledgerlake.settings import Settings, from_environment, lake_bucket, state_machine_arn, topic_arn
from ledgerlake.storage.objects import client_config
from ledgerlake_serverless.dispatcher import Dispatcher, Outcome

NEEDED_SECONDS = 90
"""The wait for `raw/` to settle leaves this much of the Lambda's time to plan and to start an execution."""
SCHEDULES = {"aws.events", "aws.scheduler"}

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Handle one invocation by Lambda."""
    messages = _messages(event)
    settings, bucket = from_environment(), lake_bucket()
    if not bucket:
        raise SettingsError("LEDGERLAKE_BUCKET is not set", expected="the name of the lake bucket")
    s3 = boto3.client("s3", config=client_config())
    try:
        outcome = _dispatch(s3, bucket, settings, context)
    except (BotoCoreError, ClientError) as error:
        if messages is None:
            raise
        log.exception("AWS refused; all %s messages are redelivered.", len(messages))
        outcome = Outcome(str(error), is_covered=False)
    log.info("%s", outcome.message)
    if messages is None:
        return {"outcome": outcome.message, "batch_id": outcome.batch_id, "execution": outcome.execution}
    redelivered = _redelivered(messages, outcome, s3, bucket, settings)
    return {"batchItemFailures": [{"itemIdentifier": message["messageId"]} for message in redelivered]}


def _messages(event: Any) -> list[dict[str, Any]] | None:
    """Return the messages of the queue; None for a schedule's event or a wake-up."""
    records = event.get("Records") if isinstance(event, dict) else None
    if isinstance(records, list) and all(
        isinstance(each, dict) and each.get("eventSource") == "aws:sqs" and "messageId" in each for each in records
    ):
        return records
    if isinstance(event, dict) and records is None and (codec.is_wake(event) or event.get("source") in SCHEDULES):
        return None
    raise LedgerlakeError(
        f"the event is {str(event)[:500]}", expected='messages of SQS, an event of a schedule, or {"look": "<why>"}'
    )


def _dispatch(s3: Any, bucket: str, settings: Settings, context: Any) -> Outcome:
    if settings.orchestrator != "step_functions":
        return Outcome(f"{settings.orchestrator} consumes the queue, so no execution is started", is_covered=False)
    time_left = context.get_remaining_time_in_millis() / 1000 - NEEDED_SECONDS
    wait_until_quiet(s3, bucket, settings, max(0.0, min(settings.max_wait_seconds, time_left)))
    states = boto3.client("stepfunctions", config=client_config())
    dispatcher = Dispatcher(
        s3,
        bucket,
        settings,
        StateMachine(states, state_machine_arn()),
        boto3.client("glue", config=client_config()),
        dispatch_holder(context.aws_request_id),
        partial(_notify, topic_arn()),
    )
    return dispatcher.dispatch()


def _notify(topic: str, notification: Notification) -> None:
    boto3.client("sns", config=client_config()).publish(
        TopicArn=topic, Subject=notification.subject, Message=notification.body
    )


def _redelivered(
    messages: Sequence[dict[str, Any]], outcome: Outcome, s3: Any, bucket: str, settings: Settings
) -> Sequence[dict[str, Any]]:
    """Return the messages to redeliver: all if no later poll is certain, otherwise those of files left behind."""
    if not outcome.is_covered:
        return messages
    contents = [codec.read(message.get("body", ""), bucket) for message in messages]
    for message, content in zip(messages, contents, strict=True):
        if content is None:
            log.warning(
                "Message %s is acknowledged, but names no file: %.200r", message["messageId"], message.get("body")
            )
    if not outcome.planned:
        return []
    left = left_behind(s3, bucket, settings, outcome.batch_id)
    return [message for message, content in zip(messages, contents, strict=True) if content and content.names_any(left)]
