"""SQS queue of S3 events: a message only starts a run, and is deleted at the end of that run."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from airflow.sdk.exceptions import AirflowException
from botocore.exceptions import ClientError

from ledgerlake import names
from ledgerlake.intake.messages import wake
from ledgerlake_airflow.aws import client

log = logging.getLogger(__name__)

AT_ONCE = 10  # the limit of one SQS call
DELETE_ATTEMPTS = 3
_TOO_MANY = {"OverLimit", "AWS.SimpleQueueService.OverLimit", "KmsThrottled"}
_TOO_MANY |= {"RequestThrottled", "ThrottlingException", "Throttling"}
"""SQS returns nothing for now: 120,000 messages are in flight, or requests are throttled."""
_GONE = {"ReceiptHandleIsInvalid", "InvalidParameterValue"}  # received again since, or deleted


def queue_url(sqs: Any, name: str = names.QUEUE) -> str:
    """Return the URL of the queue, which depends on account, region and endpoint."""
    return str(sqs.get_queue_url(QueueName=name)["QueueUrl"])


@dataclass(frozen=True)
class Queue:
    """The queue as a run uses it; a message is identified by its receipt."""

    sqs: Any
    url: str

    @classmethod
    def open(cls) -> Queue:
        """Return the queue of this lake."""
        sqs = client("sqs")
        return cls(sqs, queue_url(sqs))

    def receive(self, visibility_seconds: int) -> list[str]:
        """Receive up to ten messages without waiting, hide them for `visibility_seconds`, and return their receipts.

        Return none while SQS returns nothing: a message only starts a run, and the listing shows every file.
        """
        try:
            answer = self.sqs.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=AT_ONCE, WaitTimeSeconds=0, VisibilityTimeout=visibility_seconds
            )
        except ClientError as error:
            if not is_over_limit(error):
                raise
            log.warning("SQS returns no messages for now; the listing of raw/ alone decides: %s", error)
            return []
        return [message["ReceiptHandle"] for message in answer.get("Messages", [])]

    def delete(self, receipts: Sequence[str]) -> int:
        """Delete the messages, except those that are already gone or were received again.

        Returns:
            The number of deleted messages.

        Raises:
            AirflowException: SQS rejected some deletions repeatedly.
        """
        deleted, left = 0, list(receipts)
        failed: list[dict[str, Any]] = []
        for _ in range(DELETE_ATTEMPTS):
            retry: list[str] = []
            failed = []
            for some in _tens(left):
                answer = self.sqs.delete_message_batch(QueueUrl=self.url, Entries=_entries(some))
                deleted += len(answer.get("Successful", []))
                rejected = [entry for entry in answer.get("Failed", []) if entry["Code"] not in _GONE]
                failed += rejected
                retry += [some[int(entry["Id"])] for entry in rejected]
            if not retry:
                return deleted
            left = retry
        reasons = sorted({f"{entry['Code']}: {entry.get('Message', '')}" for entry in failed})
        raise AirflowException(
            f"{len(left)} of {len(receipts)} messages could not be deleted from {self.url}: {'; '.join(reasons)}"
        )

    def hide(self, receipts: Sequence[str], seconds: int) -> None:
        """Hide the messages for `seconds`; one that cannot be changed reappears automatically."""
        for some in _tens(receipts):
            entries = [{**entry, "VisibilityTimeout": seconds} for entry in _entries(some)]
            answer = self.sqs.change_message_visibility_batch(QueueUrl=self.url, Entries=entries)
            for entry in answer.get("Failed", []):
                log.info("A message keeps its visibility timeout: %s %s", entry["Code"], entry.get("Message", ""))

    def delete_and_wake(self, receipts: Sequence[str]) -> None:
        """Delete the messages, but wake the next run at once, by the last of them or by a wake message."""
        if receipts:
            self.delete(receipts[:-1])
            self.hide(receipts[-1:], 0)
        else:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=json.dumps(wake("deliveries wait in raw/")))


def is_over_limit(error: BaseException | str) -> bool:
    """Return whether the error, or its text, means that SQS returns nothing for now."""
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"] in _TOO_MANY
    return any(f"({code})" in str(error) for code in _TOO_MANY)


def _entries(receipts: Sequence[str]) -> list[dict[str, Any]]:
    return [{"Id": str(index), "ReceiptHandle": receipt} for index, receipt in enumerate(receipts)]


def _tens(receipts: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(receipts), AT_ONCE):
        yield list(receipts[start : start + AT_ONCE])
