from __future__ import annotations

from ledgerlake import keys
from ledgerlake.intake.deliveries import Waiting, waiting
from ledgerlake.planning.unread import Unread, take_unreported
from ledgerlake.reporting.success_notification import stray_files_notification

BUCKET = "lake"
TWO = Waiting((), ("raw/Orders/a.csv", "raw/x.csv"), ("raw/orders/_SUCCESS",))


def test_what_no_job_reads_is_news_once_and_to_a_repeated_report_of_the_same_run_again(s3):
    assert take_unreported(s3, BUCKET, TWO, "r1") == Unread.of(TWO)
    assert take_unreported(s3, BUCKET, TWO, "r1") == Unread.of(TWO)
    assert take_unreported(s3, BUCKET, TWO, "r2") == Unread()
    more = Waiting((), (*TWO.strays, "raw/new.csv"), TWO.ignored)
    assert take_unreported(s3, BUCKET, more, "r3") == Unread(("raw/new.csv",))
    assert take_unreported(s3, BUCKET, more, "r4") == Unread()


def test_ignored_files_wait_for_another_notification_and_are_not_forgotten(s3):
    assert take_unreported(s3, BUCKET, TWO, "r1", strays_only=True) == Unread(TWO.strays)
    assert take_unreported(s3, BUCKET, Waiting((), (), TWO.ignored), "r2", strays_only=True) == Unread()
    assert take_unreported(s3, BUCKET, TWO, "r3") == Unread((), TWO.ignored)


def test_a_stray_that_was_deleted_and_comes_again_is_news_again(s3):
    take_unreported(s3, BUCKET, TWO, "r1")
    take_unreported(s3, BUCKET, Waiting((), ("raw/other.csv",)), "r2")
    assert take_unreported(s3, BUCKET, TWO, "r3") == Unread.of(TWO)


def test_a_damaged_memory_is_made_anew(s3):
    for damaged in (b"", b"}{", b"[]", b"{}", b'{"by": "r", "latest": 7, "earlier": []}', b"\xff", b'{"by": 1}'):
        s3.put_object(Bucket=BUCKET, Key=keys.NOTIFIED_KEYS, Body=damaged)
        assert take_unreported(s3, BUCKET, TWO, "r1") == Unread.of(TWO), damaged
        assert take_unreported(s3, BUCKET, TWO, "r2") == Unread(), damaged


def test_four_thousand_strays_are_counted_and_ten_of_them_named(s3):
    strays = tuple(f"raw/Orders/{number:04}.csv" for number in range(4_000))
    news = take_unreported(s3, BUCKET, Waiting((), strays), "r1")
    notification = stray_files_notification(news)
    assert notification.subject == "Ledgerlake: 4,000 files in raw/ that no job reads"
    assert notification.body.count("did you mean raw/orders/?") == 10
    assert "… and 3,990 more" in notification.body
    assert len(notification.body) < 2_000


def test_the_notification_of_one_stray(s3, deliver):
    deliver("raw/Orders/alone.csv")
    news = take_unreported(s3, BUCKET, waiting(s3, BUCKET), "r1")
    notification = stray_files_notification(news)
    assert notification.subject == "Ledgerlake: 1 file in raw/ that no job reads"
    assert notification.body.splitlines()[:2] == [
        "1 file in raw/ is read by no job:",
        "  raw/Orders/alone.csv (did you mean raw/orders/?)",
    ]
