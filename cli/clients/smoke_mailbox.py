"""A queue that hears what the topic tells people, for as long as a smoke test takes."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any

from cli.clients.connection import Connection
from cli.failures import Failed

_PATIENCE = 300.0
"""Seconds for a notification, once its batch is closed."""


@dataclass(frozen=True)
class Mailbox:
    """A queue of the account, subscribed to the lake's topic; it is removed on leaving."""

    sqs: Any
    sns: Any
    url: str
    subscription: str
    topic: str

    @classmethod
    def open(cls, lake: Connection, now: datetime) -> Mailbox:
        """Make a queue and subscribe it to the topic of the lake."""
        sqs, sns, topic = lake.client("sqs"), lake.client("sns"), lake.places.topic_arn
        url = sqs.create_queue(
            QueueName=f"ledgerlake-smoke-{now:%Y%m%dT%H%M%SZ}", Attributes={"MessageRetentionPeriod": "3600"}
        )["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(_only(topic, arn))})
        subscription = sns.subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=arn,
            Attributes={"RawMessageDelivery": "true"},
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]
        return cls(sqs, sns, url, subscription, topic)

    def wait_for(self, batch_id: str) -> None:
        """Until a notification names the batch.

        Raises:
            Failed: none has.
        """
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            answer = self.sqs.receive_message(QueueUrl=self.url, WaitTimeSeconds=5, MaxNumberOfMessages=10)
            if any(batch_id in message["Body"] for message in answer.get("Messages", [])):
                return
        raise Failed(
            f"no notification of batch {batch_id} has come",
            expected=f"one through {self.topic}",
            remedy=f"ledgerlake ledger {batch_id} shows that the batch is done; see the log of its report",
        )

    def __enter__(self) -> Mailbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sns.unsubscribe(SubscriptionArn=self.subscription)
        self.sqs.delete_queue(QueueUrl=self.url)


def _only(topic: str, queue: str) -> dict[str, Any]:
    """Return the queue's policy: only that topic may send to it."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
