"""Parts of object versions, which MiniStack gives whole whatever is asked for.

`python -m local.aws.ranges` serves MiniStack with this alone: an S3 for tests and benchmarks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.home import Home


def install(home: Home | None = None) -> None:  # noqa: ARG001, every executor is installed alike
    """Answer ranged reads of S3."""
    from ministack.services import s3

    whole = s3._get_object
    s3._get_object = lambda *arguments: get_object(whole, s3._parse_range, *arguments)


def get_object(
    whole: Callable[..., Any],
    parse: Callable[[str, int], tuple[int, int] | None],
    bucket: str,
    key: str,
    headers: dict[str, str],
    query: dict[str, Any] | None = None,
) -> Any:
    """MiniStack's answer; of a version, the part that the request asks for.

    Args:
        whole: MiniStack's own `GetObject`.
        parse: gives the first and the last byte of a `Range`, None when it lies outside of so many bytes.
    """
    status, answer, body = whole(bucket, key, headers, query)
    wanted = headers.get("range")
    if status != 200 or not wanted or not (query or {}).get("versionId"):
        return status, answer, body
    place = parse(wanted, len(body))
    if place is None:
        return 416, {"Content-Type": "application/xml", "Content-Range": f"bytes */{len(body)}"}, b""
    first, last = place
    part = body[first : last + 1]
    no_checksum = {name: value for name, value in answer.items() if not name.lower().startswith("x-amz-checksum")}
    found = {"Content-Length": str(len(part)), "Content-Range": f"bytes {first}-{last}/{len(body)}"}
    return 206, no_checksum | found, part


if __name__ == "__main__":
    import ministack.app

    install()
    ministack.app.main()
