"""The bytes of an object, each once and in order, however often the connection breaks.

botocore tries a request again, but not a body that breaks off half-way. And its timeout while reading
is an OSError, as is a damaged gzip: a reader of files could not tell S3's fault from the file's.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError
from urllib3.exceptions import HTTPError

from ledgerlake.errors import LedgerlakeError

ATTEMPTS = 8
"""So often in a row may a body break off without a byte more."""
_LONGEST_PAUSE = 10.0
_ABSENT = {"404", "NoSuchKey", "NoSuchVersion", "NotFound"}


class Missing(LedgerlakeError):
    """The object, or that version of it, is not there any more."""


class StorageFailed(LedgerlakeError):
    """S3 does not give what it holds; the object itself is not to blame. Deliberately no OSError."""


class _Cut(Exception):
    """The connection ended before the body did, without an error."""


BREAKS = (BotoCoreError, HTTPError, OSError, _Cut)
"""What a connection that breaks while a body is read may raise."""


def is_absent(error: ClientError) -> bool:
    """The object, or that version of it, is not there."""
    return error.response["Error"]["Code"] in _ABSENT


def pause(attempt: int) -> None:
    """Wait before attempt number `attempt` (from 1), longer each time."""
    time.sleep(min(0.1 * 2**attempt, _LONGEST_PAUSE))


class ResumableObject(io.RawIOBase):
    """One object, or a part of it, read from beginning to end in constant memory.

    Args:
        requests: where the same bytes may be, as `{"Key": …, "VersionId": …}`; the first that is there is
            read, also when the object moves from one to the next meanwhile.
        start: the first byte that is read.
        end: the byte before which reading ends; the object's end if not given, or if that comes first.

    Raises (when it is made, and while it is read):
        Missing: it is at none of them.
        StorageFailed: S3 refused it, or its body broke off again and again.
    """

    def __init__(self, s3: Any, bucket: str, *requests: dict[str, str], start: int = 0, end: int | None = None) -> None:
        self._s3, self._bucket, self._requests = s3, bucket, requests
        self._position, self._end = start, end
        self._size: int | None = None
        self._answer: Any = None
        self._etags: dict[int, str] = {}
        self._insist(self._open)

    @property
    def etag(self) -> str:
        """Of the object that is read."""
        return next(iter(self._etags.values()))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._insist(lambda: self._more(buffer))

    def close(self) -> None:
        self._forget()
        super().close()

    def _more(self, buffer: Any) -> int:
        assert self._size is not None
        left = (self._size if self._end is None else min(self._size, self._end)) - self._position
        if left <= 0:
            return 0
        if self._answer is None:
            self._open()
        chunk = self._answer.read(min(len(buffer), left))
        if not chunk:
            raise _Cut(f"after {self._position} of {self._size} bytes")
        buffer[: len(chunk)] = chunk
        self._position += len(chunk)
        return len(chunk)

    def _insist(self, step: Callable[[], int | None]) -> int:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return step() or 0
            except FlexibleChecksumError as error:  # wrong bytes have been passed on already
                raise self._failed(error) from error
            except BREAKS as error:
                self._forget()
                if attempt == ATTEMPTS:
                    raise self._failed(error) from error
                pause(attempt)
        raise AssertionError("unreachable")

    def _open(self) -> None:
        last = "" if self._end is None else self._end - 1
        rest = {"Range": f"bytes={self._position}-{last}"} if self._position or self._end is not None else {}
        for number, request in enumerate(self._requests):
            same = {"IfMatch": self._etags[number]} if number in self._etags else {}
            try:
                answer = self._s3.get_object(Bucket=self._bucket, **request, **rest, **same)
            except ClientError as error:
                if is_absent(error):
                    continue
                raise self._failed(error) from error
            except BotoCoreError as error:  # botocore has tried often enough
                raise self._failed(error) from error
            self._answer = answer["Body"]
            self._etags[number] = answer["ETag"]
            self._agree_on_size(_size(answer))
            if "ContentRange" not in answer:  # not every S3 gives a part of a version
                self._skip(self._position)
            return
        raise Missing(
            f"s3://{self._bucket}/{self._requests[0]['Key']} is gone",
            expected=" or ".join(f"{name} {value}" for each in self._requests for name, value in each.items()),
            remedy="bring it back, or deliver it again",
        )

    def _skip(self, size: int) -> None:
        while size:
            skipped = len(self._answer.read(min(size, 1 << 20)))
            if not skipped:
                raise _Cut("before the byte where it broke off")
            size -= skipped

    def _agree_on_size(self, size: int) -> None:
        if self._size not in (None, size):
            raise StorageFailed(
                f"s3://{self._bucket}/{self._requests[0]['Key']} has {size} bytes",
                expected=f"{self._size} bytes, as when it was opened",
                remedy="let the run try again",
            )
        self._size = size

    def _failed(self, error: Exception) -> StorageFailed:
        return StorageFailed(
            f"s3://{self._bucket}/{self._requests[0]['Key']} could not be read beyond byte {self._position}: "
            f"{type(error).__name__}: {error}",
            expected="S3 to answer; the object itself is not to blame",
            remedy="let the run try again",
        )

    def _forget(self) -> None:
        if self._answer is not None:
            self._answer.close()
            self._answer = None


def _size(answer: dict[str, Any]) -> int:
    """Of the whole object, in bytes."""
    _, _, size = answer.get("ContentRange", "").rpartition("/")
    return int(size or answer["ContentLength"])
