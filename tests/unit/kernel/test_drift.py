from __future__ import annotations

import pytest

from ledgerlake.planning import stages
from ledgerlake.reporting import drift
from ledgerlake.reporting.run_facts import RunFacts
from ledgerlake.reporting.success_notification import success_notification


@pytest.mark.parametrize(
    ("deliveries", "rejected", "days", "said"),
    [
        (1, 0, "", "1 delivery loaded"),
        (31, 0, " of 2025-04-01", "31 deliveries of 2025-04-01 loaded"),
        (1, 1, "", "0 of 1 delivery loaded, 1 rejected whole"),
        (31, 2, " of 2025-04-01", "29 of 31 deliveries of 2025-04-01 loaded, 2 rejected whole"),
    ],
)
def test_a_file_that_was_rejected_whole_is_not_called_loaded(deliveries, rejected, days, said):
    assert drift.loaded(deliveries, rejected, days) == said


def test_files_rejected_whole_are_named_with_their_reasons_and_ten_of_them_at_most():
    assert drift.rejected_lines({}) == []
    assert drift.rejected_lines({"raw/orders/x.csv": "missing_column: no date"}) == [
        "1 file rejected whole: raw/orders/x.csv: missing_column: no date"
    ]
    many = drift.rejected_lines({f"raw/orders/{number:03}\n.csv": "why " * 1000 for number in range(500)})
    assert (many[0], many[-1], len(many)) == ("500 files rejected whole:", "  … and 490 more", 12)
    assert "\n" not in "".join(many)
    assert sum(map(len, many)) < 5_000


def test_absent_columns_are_reported_with_the_rows_that_lost_a_value():
    said = drift.absent_lines(
        {"order_items": {"raw/order_items/v4.csv": {"days": 0, "a": 2}, "raw/order_items/v3.csv": {"days": 1}}}
    )
    assert said == [
        "order_items: a was absent in raw/order_items/v4.csv: its rows hold NULL there, and 2 rows lost a value that "
        "the table had",
        "order_items: days was absent in 2 files, raw/order_items/v3.csv first: its rows hold NULL there, and 1 row "
        "lost a value that the table had",
    ]
    assert drift.absent_lines({"o": {"k": {"c": 0}}}) == [
        "o: c was absent in k: its rows hold NULL there, and no row lost a value"
    ]


def test_a_stage_of_an_earlier_release_has_neither_and_deleted_files_are_separate():
    staged = {"orders": {"unknown": {}}, "products": {"broken": {"a": "missing_file: gone", "b": "not_text: zip"}}}
    assert stages.rejected_files(staged) == {"b": "not_text: zip"}
    assert stages.absent_columns(staged) == {}


def test_the_notification_of_a_batch_with_a_file_rejected_whole():
    plan = {"batch_id": "20250401T000000Z-abc", "datasets": ["orders"], "deliveries": 2}
    figures = [{"dataset": "orders", "files": "2", "rows_read": "11", "files_rejected": "1", "lines_rejected": "5",
                "inserted": "10", "rejected": "1"}]  # fmt: skip
    facts = RunFacts("w", "r", plan=plan, rejected={"raw/orders/x.csv": "missing_column: no date"})
    notification = success_notification(facts, figures, "")
    assert notification.subject == "Ledgerlake: 1 of 2 deliveries loaded, 1 rejected whole (20250401T000000Z-abc)"
    assert "1 file rejected whole: raw/orders/x.csv: missing_column: no date" in notification.body
    assert (
        "orders: 2 files, 11 rows read: 10 inserted, 1 rejected, 1 file rejected whole (5 lines of text)"
        in notification.body
    )
