"""The S3 of the tests: an object that is put may bring the id of its version, so that a lake can be copied whole.

A manifest names versions, and is believed only as it was written.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import ministack.app
from ministack.services import s3

from local.aws import ranges

HEADER = "x-amz-meta-version-of-the-test"
_brought: ContextVar[str] = ContextVar("brought", default="")


def install() -> None:
    put, new_id = s3._put_object, s3.new_uuid

    def put_object(bucket: str, key: str, body: bytes, headers: dict[str, str]) -> Any:
        _brought.set(headers.get(HEADER, ""))
        try:
            return put(bucket, key, body, headers)
        finally:
            _brought.set("")

    s3._put_object = put_object
    s3.new_uuid = lambda: _brought.get() or new_id()


if __name__ == "__main__":
    ranges.install()
    install()
    ministack.app.main()
