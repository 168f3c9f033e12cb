"""Removing an environment: what costs money while it stands idle, or everything with all its data."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from infra.deployer.cloudformation import CloudFormation
from infra.deployer.deployment import Step
from infra.deployer.errors import DeploymentError
from infra.deployer.stacks import AIRFLOW, DATA_PLANE, DELIVERY, GUARDRAILS, Stack

KEY_DAYS = 30
"""For so long a key that was given up can be brought back, and with it what is encrypted by it."""
_GONE = ("404", "NoSuchBucket")
_ATTEMPTS = 5


@dataclass
class Removal:
    """One environment of one account.

    Args:
        client: client("s3") → a client of boto3.
        account: that must own the buckets.
        say: receives a line for everything that takes time.
    """

    client: Callable[[str], Any]
    account: str
    say: Callable[[str], None]
    poll_seconds: float = 5.0

    def __post_init__(self) -> None:
        self._cloudformation = CloudFormation(self.client("cloudformation"), self.say, self.poll_seconds)

    def stacks(self, *, data: bool) -> list[Stack]:
        """Those that are there and would be removed, in that order."""
        chosen = [GUARDRAILS, AIRFLOW, *([DATA_PLANE, DELIVERY] if data else [])]
        return [stack for stack in chosen if self._cloudformation.exists(stack.name)]

    def buckets(self, stack: Stack) -> list[str]:
        """Return the names of the stack's buckets."""
        return self._cloudformation.resources(stack.name, "AWS::S3::Bucket")

    def steps(self, *, data: bool) -> Iterator[Step]:
        """Yield the steps in order; each may be repeated at any time."""
        for stack in self.stacks(data=data):
            if stack in (DATA_PLANE, DELIVERY):
                yield f"delete what {stack.name} keeps", partial(self._delete_data, stack)
            yield f"remove the stack {stack.name}", partial(self._cloudformation.delete, stack.name)

    def _delete_data(self, stack: Stack) -> None:
        """Empty the bucket before its stack is removed, since the stack identifies it after an interruption."""
        for bucket in self.buckets(stack):
            self._delete_bucket(bucket)
        kms = self.client("kms")
        for key in self._cloudformation.resources(stack.name, "AWS::KMS::Key"):
            if kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] != "PendingDeletion":
                kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=KEY_DAYS)
                self.say(f"key {key} is deleted in {KEY_DAYS} days; until then: aws kms cancel-key-deletion")

    def _delete_bucket(self, bucket: str) -> None:
        s3 = self.client("s3")
        for attempt in range(_ATTEMPTS):  # logs of the very deletions may still be delivered into one
            try:
                self._empty(s3, bucket)
                s3.delete_bucket(Bucket=bucket, ExpectedBucketOwner=self.account)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code in _GONE:
                    return
                if code != "BucketNotEmpty" or attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(self.poll_seconds)
            else:
                self.say(f"bucket {bucket} is deleted")
                return

    def _empty(self, s3: Any, bucket: str) -> None:
        """Every version of every object."""
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, ExpectedBucketOwner=self.account)
        for page in pages:
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            doomed = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
            if doomed:
                answer = s3.delete_objects(
                    Bucket=bucket, Delete={"Objects": doomed, "Quiet": True}, ExpectedBucketOwner=self.account
                )
                _refuse(answer.get("Errors", []), bucket)
                self.say(f"{len(doomed)} versions deleted from {bucket}")


def _refuse(errors: list[dict[str, str]], bucket: str) -> None:
    with contextlib.suppress(IndexError):
        first = errors[0]
        raise DeploymentError(
            f"{len(errors)} objects of {bucket} were not deleted, the first {first['Key']}: {first.get('Message')}",
            expected="permission to delete every version",
        )
