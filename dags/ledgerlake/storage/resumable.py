"""Resumable read of an S3 object: each byte once and in order, however often the connection breaks.

botocore retries a request, but not a body that breaks off half-way. Its timeout while reading is an OSError,
as is a damaged gzip, so a reader of files could not distinguish a fault of S3 from one of the file.
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
"""Attempts in a row that may end without a further byte."""
_LONGEST_PAUSE = 10.0
_ABSENT = {"404", "NoSuchKey", "NoSuchVersion", "NotFound"}


class Missing(LedgerlakeError):
    """The object, or that version of it, is not there any more."""


class StorageFailed(LedgerlakeError):
    """S3 failed to return the object, which itself may be intact. Deliberately no OSError."""


class _Cut(Exception):
    """The connection ended before the body did, without an error."""


BREAKS = (BotoCoreError, HTTPError, OSError, _Cut)
"""Errors of a connection that breaks while a body is read."""


def is_absent(error: ClientError) -> bool:
    """Return whether the object, or that version of it, does not exist."""
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
        """Open the object."""
        self._s3, self._bucket, self._requests = s3, bucket, requests
        self._position, self._end = start, end
        self._size: int | None = None
        self._body: Any = None
        self._etags: dict[int, str] = {}
        self._retry(self._open)

    @property
    def etag(self) -> str:
        """ETag of the object that is read."""
        return next(iter(self._etags.values()))

    def readable(self) -> bool:
        """Return True, as raw streams are asked before a read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into the buffer; return the number of bytes, 0 at the end."""
        return self._retry(lambda: self._read_chunk(buffer))

    def close(self) -> None:
        """Close the connection."""
        self._disconnect()
        super().close()

    def _read_chunk(self, buffer: Any) -> int:
        assert self._size is not None
        left = (self._size if self._end is None else min(self._size, self._end)) - self._position
        if left <= 0:
            return 0
        if self._body is None:
            self._open()
        chunk = self._body.read(min(len(buffer), left))
        if not chunk:
            raise _Cut(f"after {self._position} of {self._size} bytes")
        buffer[: len(chunk)] = chunk
        self._position += len(chunk)
        return len(chunk)

    def _retry(self, step: Callable[[], int | None]) -> int:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return step() or 0
            except FlexibleChecksumError as error:  # wrong bytes have been passed on already
                raise self._failed(error) from error
            except BREAKS as error:
                self._disconnect()
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
                response = self._s3.get_object(Bucket=self._bucket, **request, **rest, **same)
            except ClientError as error:
                if is_absent(error):
                    continue
                raise self._failed(error) from error
            except BotoCoreError as error:  # botocore has exhausted its retries
                raise self._failed(error) from error
            self._body = response["Body"]
            self._etags[number] = response["ETag"]
            self._check_size(_size(response))
            if "ContentRange" not in response:  # not every S3 returns a range of a version
                self._skip(self._position)
            return
        raise Missing(
            f"s3://{self._bucket}/{self._requests[0]['Key']} is gone",
            expected=" or ".join(f"{name} {value}" for each in self._requests for name, value in each.items()),
            remedy="restore it, or deliver it again",
        )

    def _skip(self, size: int) -> None:
        while size:
            skipped = len(self._body.read(min(size, 1 << 20)))
            if not skipped:
                raise _Cut("before the byte where it broke off")
            size -= skipped

    def _check_size(self, size: int) -> None:
        if self._size not in (None, size):
            raise StorageFailed(
                f"s3://{self._bucket}/{self._requests[0]['Key']} has {size} bytes",
                expected=f"{self._size} bytes, as when it was opened",
                remedy="retry the run",
            )
        self._size = size

    def _failed(self, error: Exception) -> StorageFailed:
        return StorageFailed(
            f"s3://{self._bucket}/{self._requests[0]['Key']} could not be read beyond byte {self._position}: "
            f"{type(error).__name__}: {error}",
            expected="S3 to response; the object itself is not to blame",
            remedy="retry the run",
        )

    def _disconnect(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None


def _size(response: dict[str, Any]) -> int:
    """Return the size of the whole object, in bytes."""
    _, _, size = response.get("ContentRange", "").rpartition("/")
    return int(size or response["ContentLength"])
