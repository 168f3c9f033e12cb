"""The dead-letter queue: looking into it, and moving what is in it back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from cli.clients.connection import Connection
from cli.failures import Failed, LakeUnavailable, TimedOut
from ledgerlake import names
from ledgerlake.intake import messages
from ledgerlake.intake.deliveries import iso

_AT_ONCE = 10
_HIDDEN_SECONDS = 60
_POLL_SECONDS = 1
_PATIENCE_SECONDS = 600
_NO_MOVE_TASKS = ("UnsupportedOperation", "InvalidAction", "UnknownOperation", "NotImplemented")
_NOWHERE = "ledgerlake status; in an account: deploy the template in infra/templates/"


@dataclass(frozen=True)
class DeadLetter:
    """One dead message.

    Args:
        received: how many times, from the dead-letter queue itself too.
        about: what it is, in words.
    """

    body: str
    sent_at: str
    received: int
    about: str


@dataclass(frozen=True)
class DeadLetterQueue:
    """The queue and its dead letters, by URL."""

    sqs: Any
    url: str
    queue_url: str

    @classmethod
    def of(cls, lake: Connection) -> DeadLetterQueue:
        """Return the dead-letter queue of the lake."""
        queue_url = lake.places.queue_url
        return cls(lake.client("sqs"), f"{queue_url.rpartition('/')[0]}/{names.DEAD_LETTER_QUEUE}", queue_url)

    def count(self) -> int:
        """How many there are, about: SQS knows no more."""
        return int(self._attributes(self.url)["ApproximateNumberOfMessages"])

    def peek(self, limit: int) -> list[DeadLetter]:
        """Up to `limit` of them; they are given back at once."""
        found: list[dict[str, Any]] = []
        try:
            while len(found) < limit and (some := self._receive(at_most=limit - len(found), wait=0)):
                found += some
        finally:
            self._return_to_queue(found)
        return [_dead_letter(message) for message in found]

    def redrive(self) -> int:
        """Move all of them back to the queue; returns how many.

        Raises:
            Failed: SQS stopped before the end; repeating it resumes.
        """
        waiting = self.count()
        if waiting == 0:
            return 0
        try:
            handle = self.sqs.start_message_move_task(SourceArn=self._attributes(self.url)["QueueArn"])["TaskHandle"]
        except ClientError as error:
            code = error.response["Error"]["Code"].rpartition(".")[2]
            if code not in _NO_MOVE_TASKS:
                raise
            return self._move_by_hand()
        return self._follow(handle, waiting)

    def _move_by_hand(self) -> int:
        """Receive, send, delete, in that order: what is interrupted is there twice, never not at all."""
        moved = 0
        while some := self._receive(at_most=_AT_ONCE, wait=1):
            for message in some:
                self.sqs.send_message(
                    QueueUrl=self.queue_url,
                    MessageBody=message["Body"],
                    MessageAttributes=message.get("MessageAttributes") or {},
                )
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
                moved += 1
        return moved

    def _follow(self, handle: str, waiting: int) -> int:
        """Wait for SQS to have moved them."""
        arn = self._attributes(self.url)["QueueArn"]
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            tasks = self.sqs.list_message_move_tasks(SourceArn=arn, MaxResults=10).get("Results", [])
            # the handle is told of running tasks only; the newest one is ours, as there is one at a time
            task = next((each for each in tasks if each.get("TaskHandle") == handle), tasks[0] if tasks else {})
            moved = int(task.get("ApproximateNumberOfMessagesMoved") or 0)
            if task.get("Status") == "COMPLETED":
                return moved or waiting
            if task.get("Status") in ("FAILED", "CANCELLED"):
                raise Failed(
                    f"SQS stopped after {moved} of {waiting} messages: {task.get('FailureReason') or task['Status']}",
                    expected="all of them to be moved; none is lost",
                    remedy="ledgerlake dead-letters redrive",
                )
            time.sleep(_POLL_SECONDS)
        raise TimedOut(
            f"SQS still moves messages after {_PATIENCE_SECONDS} s",
            expected=f"{waiting} of them to be moved; it continues without this command",
            remedy="ledgerlake dead-letters show",
        )

    def _receive(self, *, at_most: int, wait: int) -> list[dict[str, Any]]:
        """Up to ten messages, hidden for a minute; none when none is left."""
        answer = self.sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=min(at_most, _AT_ONCE),
            VisibilityTimeout=_HIDDEN_SECONDS,
            WaitTimeSeconds=wait,
            AttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
            MessageAttributeNames=["All"],
        )
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found

    def _return_to_queue(self, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            self.sqs.change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )

    def _attributes(self, url: str) -> dict[str, str]:
        try:
            found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        except ClientError as error:
            if "NonExistentQueue" in error.response["Error"]["Code"] or "DoesNotExist" in str(error):
                raise LakeUnavailable(
                    f"there is no queue {url}", expected="a deployed lake", remedy=_NOWHERE
                ) from error
            raise
        return {name: str(value) for name, value in found.items()}


def _dead_letter(message: dict[str, Any]) -> DeadLetter:
    attributes = message.get("Attributes", {})
    sent = datetime.fromtimestamp(int(attributes.get("SentTimestamp", 0)) / 1000, UTC)
    received = int(attributes.get("ApproximateReceiveCount", 0))
    return DeadLetter(message["Body"], iso(sent), received, about(message["Body"]))


def about(body: str) -> str:
    """Describe a message: the objects that landed, or in words what else it is."""
    message = messages.read(body)
    return message.text if message else "neither an event of S3 nor a wake message"
