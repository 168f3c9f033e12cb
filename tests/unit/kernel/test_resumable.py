"""A body is read to its end, however early its connection ends."""

from __future__ import annotations

import io

import pytest

from ledgerlake.storage import resumable
from ledgerlake.storage.resumable import ResumableObject, StorageFailed

CONTENT = bytes(range(256)) * 8


class CuttingS3:
    """An S3 whose answers end, without an error, after so many bytes of the rest."""

    def __init__(self, *cuts: int | None):
        self.cuts, self.ranges = list(cuts), []

    def get_object(self, **request):
        first, _, last = request.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        self.ranges.append(request.get("Range"))
        rest = CONTENT[int(first) : int(last) + 1 if last else None]
        size = {"ContentRange": f"bytes {first}-/{len(CONTENT)}"} if "Range" in request else {}
        cut = self.cuts.pop(0) if self.cuts else None
        return {"Body": io.BytesIO(rest[:cut]), "ETag": '"e"', "ContentLength": len(CONTENT), **size}


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(resumable, "pause", lambda attempt: None)


@pytest.mark.parametrize("cuts", [(0,), (1,), (2047,), (100, 0, 7), (2048,), ()])
def test_a_body_that_ends_early_is_not_taken_for_its_end(cuts):
    s3 = CuttingS3(*cuts)
    assert ResumableObject(s3, "lake", {"Key": "raw/orders/a.csv"}).read() == CONTENT
    assert len(s3.ranges) == 1 + len([cut for cut in cuts if cut < len(CONTENT)])


def test_a_part_that_ends_early_is_not_taken_for_its_end():
    assert ResumableObject(CuttingS3(3), "lake", {"Key": "k"}, start=10, end=500).read() == CONTENT[10:500]


def test_a_body_that_never_goes_on_is_a_fault_of_s3():
    with pytest.raises(StorageFailed, match="could not be read beyond byte 0: _Cut"):
        ResumableObject(CuttingS3(*[0] * resumable.ATTEMPTS), "lake", {"Key": "k"}).read()
