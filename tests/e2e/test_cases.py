"""The inputs that have failed once, through a whole lake, each with what a demanding user expects of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from shop import ORDERS, item, items, order, orders, product, products
from whole_lake import ROOT, Lake, lake_of, until

from ledgerlake import keys
from ledgerlake.keys import RAW

CASES = ROOT.parent / "shared" / "cases"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def case(path: str) -> bytes:
    """Return the body of a case's file."""
    return (CASES / path).read_bytes()


@dataclass
class LakeContents:
    """What a lake says of everything that was delivered to it.

    Args:
        ledger: the sums of the counts over all batches, by raw key without its beginning.
        rejects: (row, reasons, original), by raw key.
    """

    lake: Lake
    notifications: list[str]
    ledger: dict[str, dict[str, int]] = field(default_factory=dict)
    rejects: dict[str, list[tuple[int | None, list[str], str | None]]] = field(default_factory=dict)

    def look(self) -> LakeContents:
        for row in self.lake.query("SELECT * FROM ledger"):
            counts = self.ledger.setdefault(row["source_file"].removeprefix(RAW), defaultdict(int))
            for name, count in row.items():
                if isinstance(count, int):
                    counts[name] += count
        for dataset in ("products", "orders", "order_items"):
            sql = (
                "SELECT source_file, source_row, array_join(reasons, chr(10)) AS reasons, original "
                f"FROM rejected_{dataset} ORDER BY 1, 2"
            )
            for row in self.lake.query(sql):
                found = self.rejects.setdefault(row["source_file"].removeprefix(RAW), [])
                found.append((row["source_row"], row["reasons"].split("\n"), row["original"]))
        return self

    def rows(self, dataset: str, name: str, columns: str) -> list[dict[str, Any]]:
        """Return the rows of the table that came with a file."""
        return self.lake.query(
            f"SELECT {columns} FROM {dataset} WHERE _source_file = '{RAW}{name}' ORDER BY _source_row"
        )


@pytest.fixture(scope="module")
def fresh() -> Iterator[Lake]:
    """A lake without a file, on Step Functions."""
    if not CASES.exists():
        pytest.skip("the cases are not beside the repository")
    with lake_of("--orchestrator", "step_functions") as running:
        yield running


SPARK = "01-spark-output-folder/"
PART = "part-00000-6f1c2d3e-0001-4a5b-9c7d-aabbccddeeff-c000.csv"
STRAYS = ("Orders/alone.csv", "order/x.csv", "/orders/x.csv", "x.csv")


@pytest.fixture(scope="module")
def delivered(fresh: Lake) -> LakeContents:
    """Everything is delivered in three batches and processed."""
    fresh.put(
        {
            # So many good files that the bad ones are below the limit for files.
            **{f"products/seed-{number}.csv": products(product(number)) for number in range(1, 11)},
            "products/inches.csv": case("06-inch-marks/products.csv"),
            "products/backslash.csv": case("27-backslash-quotes/products.csv"),
            **{f"products/{name}": case(f"16-not-csv/{name}") for name in FOREIGN},
            "orders/seed.csv": orders(*(order(number) for number in range(1000, 1010))),
            f"orders/spark/{PART}": case(SPARK + PART),
            "orders/spark/_SUCCESS": case(SPARK + "_SUCCESS"),
            "orders/spark/_started_4711": case(SPARK + "_started_4711"),
            "orders/spark/_committed_4711": case(SPARK + "_committed_4711"),
            f"orders/spark/.{PART}.crc": case(f"{SPARK}.{PART}.crc"),
            "orders/spark/_temporary/0/task_1/part-00000.csv": case(SPARK + "_temporary-part-00000.csv"),
            "orders/date=2025-04-03/part-0.csv": case("05-hive-path-column/orders_without_date.csv"),
            "orders/blank.csv": case("07-blank-rows/orders.csv"),
            "orders/renamed.csv": case("11-required-renamed/orders.csv"),
            "orders/web.csv": case("12-int-to-text/orders_few.csv"),
            "orders/money.csv": case("14-money-precision/orders.csv"),
            "orders/sep.csv": case("17-sep-line/orders.csv"),
            "orders/micro.csv": case("20-microseconds/orders.csv"),
            "orders/terminal.csv": case("21-terminal-and-markup/orders.csv"),
            "orders/last.csv": ORDERS + "1,31012,7,9999-12-31T23:59:59.999499,1.00,9999-12-31\n",
            "orders/orders[/final].csv": orders(order(31010)),
            "orders/h[red].csv": orders(order(31011)),
            "order_items/v.csv": case("08-optional-renamed/order_items_v1.csv"),
        }
    )
    settle(fresh)
    fresh.put(
        {
            "order_items/v.csv": case("08-optional-renamed/order_items_v2_renamed.csv"),
            "order_items/beside.csv": items(item(18100, 1000)),
        }
    )
    settle(fresh)
    before = len(fresh.notifications())
    fresh.put({"order_items/v.csv": case("08-optional-renamed/order_items_v3_dropped.csv")})
    settle(fresh)
    contents = LakeContents(fresh, [each["Message"] for each in fresh.notifications()])
    assert len(contents.notifications) > before
    return contents.look()


FOREIGN = {
    "old-excel.csv": "spreadsheet",
    "zstd.csv": "zstd",
    "page.csv": "web page",
    "lines.csv": "JSON",
}


def settle(lake: Lake) -> None:
    """Return when nothing is left to be done; what no job reads stays in raw/."""
    until(lambda: lake.messages_in_queue() == 0, "an empty queue")
    lake.do("wait", "--timeout", "600")
    assert lake.keys(keys.OPEN_BATCHES) == []


def test_a_marker_alone_opens_no_batch(fresh):
    fresh.put({"orders/_SUCCESS": b""})
    settle(fresh)
    assert fresh.keys("batches/") == []


def test_a_file_in_a_wrong_folder_is_named_with_the_right_one_once(fresh):
    """Before the first delivery, so that nothing else lets anybody look."""
    fresh.put({name: case("03-wrong-folder/orders.csv") for name in STRAYS})
    said = fresh.say("wait", "--timeout", "120")
    shown = fresh.do("status", "--format", "json")
    for name in STRAYS:
        assert name in shown
        assert name in said.stdout + said.stderr
    assert shown.count("(did you mean raw/orders/?)") == len(STRAYS) - 1, "of raw/x.csv nobody knows"
    messages = [each["Message"] for each in fresh.notifications()]
    assert len([text for text in messages if "Orders/alone.csv" in text]) == 1
    s3 = fresh.client("s3")
    for name in STRAYS:
        s3.delete_object(Bucket=fresh.bucket, Key=RAW + name)


def test_every_delivery_balances_and_every_check_passes(delivered):
    fates = ("inserted", "updated", "unchanged", "superseded", "rejected", "parked")
    for name, counts in delivered.ledger.items():
        assert counts["rows_read"] + counts["released"] == sum(counts[fate] for fate in fates), name
    assert not [each for each in delivered.lake.notifications() if "FAILED" in each["Subject"]]


def test_01_of_a_spark_folder_the_committed_part_alone_is_loaded_once(delivered):
    mine = {name: counts for name, counts in delivered.ledger.items() if name.startswith("orders/spark/")}
    assert {name: (counts["rows_read"], counts["inserted"]) for name, counts in mine.items()} == {
        f"orders/spark/{PART}": (3, 3)
    }
    assert len([text for text in delivered.notifications if "_committed_4711" in text]) <= 1
    assert delivered.lake.query("SELECT count(*) AS n FROM orders WHERE order_id BETWEEN 11000 AND 11002")[0]["n"] == 3


def test_05_the_date_comes_from_the_path(delivered):
    rows = delivered.rows("orders", "orders/date=2025-04-03/part-0.csv", "order_id, CAST(date AS varchar) AS date")
    assert rows == [{"order_id": 15001, "date": "2025-04-03"}, {"order_id": 15002, "date": "2025-04-03"}]


def test_06_rows_that_a_quote_has_swallowed_are_rejected_with_their_text(delivered):
    text = case("06-inch-marks/products.csv").decode()
    rejects = delivered.rejects["products/inches.csv"]
    loaded = {row["product_id"] for row in delivered.rows("products", "products/inches.csv", "product_id")}
    originals = "\n".join(original or "" for _, _, original in rejects)
    for line in text.splitlines()[1:]:
        number = int(line.split(",")[0])
        assert (number in loaded) != (line in originals), f"{line} is in one place"
    assert all(reason.startswith("broken_quotes") for _, reasons, _ in rejects for reason in reasons)
    assert {16005, 16006}.isdisjoint(loaded)


def test_07_rows_without_a_value_are_no_rows(delivered):
    counts = delivered.ledger["orders/blank.csv"]
    assert (counts["rows_read"], counts["inserted"], counts["rejected"]) == (40, 40, 0)
    blank = case("07-blank-rows/orders.csv").decode().splitlines().count(",,,,,")
    assert any(f"{blank:,}" in text for text in delivered.notifications)


def test_08_a_renamed_optional_column_rejects_the_file_and_wipes_no_value(delivered):
    assert [reasons for row, reasons, _ in delivered.rejects["order_items/v.csv"] if row is None]
    (reason,) = delivered.rejects["order_items/v.csv"][0][1]
    assert reason.startswith("renamed_column")
    assert "days_since_prior_order" in reason
    assert "days_since_prior" in reason.replace("days_since_prior_order", "")
    assert delivered.ledger["order_items/beside.csv"]["inserted"] == 1, "the rest of the batch goes on"


def test_08_an_absent_optional_column_is_reported_with_the_values_that_were_lost(delivered):
    rows = delivered.rows("order_items", "order_items/v.csv", "days_since_prior_order AS days")
    assert rows == 10 * [{"days": None}], "as delivered"
    assert any("days_since_prior_order was absent in raw/order_items/v.csv" in text for text in delivered.notifications)
    assert any("10 rows lost a value that the table had" in text for text in delivered.notifications)


def test_11_a_file_without_a_required_column_is_reported_as_rejected_whole(delivered):
    (whole,) = delivered.rejects["orders/renamed.csv"]
    assert whole[0] is None
    assert whole[1][0].startswith("missing_column: no total_amount")
    counts = delivered.ledger["orders/renamed.csv"]
    assert (counts["rows_read"], counts["rejected"]) == (1, 1)
    assert (counts["files_rejected"], counts["lines_rejected"]) == (1, 5)
    assert any("rejected whole" in text for text in delivered.notifications)


def test_12_text_in_a_column_of_numbers_is_rejected_with_the_text(delivered):
    lines = case("12-int-to-text/orders_few.csv").decode().splitlines()[1:]
    assert delivered.rejects["orders/web.csv"] == [
        (number, [f"not_bigint: order_num={line.split(',')[0]}"], line) for number, line in enumerate(lines, 1)
    ]


def test_14_an_amount_is_exact_or_rejected_with_its_text(delivered):
    lines = case("14-money-precision/orders.csv").decode().splitlines()[1:]
    rejected = {row: (reasons, original) for row, reasons, original in delivered.rejects["orders/money.csv"]}
    loaded = {
        row["n"]: row["text"]
        for row in delivered.rows(
            "orders", "orders/money.csv", "_source_row AS n, CAST(total_amount AS varchar) AS text"
        )
    }
    for number, line in enumerate(lines, 1):
        amount = line.split(",")[4]
        if number in rejected:
            assert rejected[number] == ([f"not_exact: total_amount={amount}"], line)
        else:
            assert float(loaded[number]) == float(amount)
    assert 1 in rejected, "9007199254740993 is no double"
    assert {3, 4, 6, 7} <= set(loaded)


def test_16_what_is_no_csv_is_named(delivered):
    for name, what in FOREIGN.items():
        ((row, (reason,), _),) = delivered.rejects[f"products/{name}"]
        assert row is None
        assert what in reason, name


def test_17_a_sep_line_is_a_hint_and_no_header(delivered):
    counts = delivered.ledger["orders/sep.csv"]
    assert (counts["rows_read"], counts["inserted"], counts["rejected"]) == (3, 3, 0)


def test_20_every_accepted_time_can_be_selected_and_is_the_one_that_was_written(delivered):
    lines = case("20-microseconds/orders.csv").decode().splitlines()[1:]
    written = {number: line.split(",")[3] for number, line in enumerate(lines, 1)}
    columns = "_source_row AS n, CAST(order_timestamp AS varchar) AS at"
    shown = {row["n"]: row["at"].removesuffix(" UTC") for row in delivered.rows("orders", "orders/micro.csv", columns)}
    rejected = {row for row, _, _ in delivered.rejects.get("orders/micro.csv", [])}
    assert set(shown) | rejected == set(written)
    assert set(shown) & rejected == set()
    for number, at in shown.items():
        difference = datetime.fromisoformat(at).replace(tzinfo=None) - datetime.fromisoformat(written[number])
        # Athena shows the times of a Delta table rounded to milliseconds.
        assert abs(difference) <= timedelta(microseconds=500), written[number]
    assert delivered.rows("orders", "orders/micro.csv", "*")
    assert delivered.lake.query("SELECT max(order_timestamp) AS last FROM orders")[0]["last"].startswith("9999-12-31")


def test_21_no_text_of_a_producer_acts_on_whoever_reads_it(delivered):
    lines = case("21-terminal-and-markup/orders.csv").decode().splitlines()[1:]
    originals = [original for _, _, original in delivered.rejects["orders/terminal.csv"]]
    assert originals == lines, "as delivered"
    for key in ("orders/orders[/final].csv", "orders/h[red].csv"):
        assert delivered.ledger[key]["inserted"] == 1
    said = (
        delivered.lake.do("rejects", "orders", "--limit", "100")
        + delivered.lake.do("ledger")
        + "".join(delivered.notifications)
    )
    assert "\x1b" not in said
    assert "\x07" not in said
    assert "[/bold] [red]x" in said
    assert "orders[/final].csv" in said


def test_27_a_backslash_before_a_quote_is_rejected_and_never_altered(delivered):
    line = case("27-backslash-quotes/products.csv").decode().splitlines()[1]
    ((row, (reason,), original),) = delivered.rejects["products/backslash.csv"]
    assert (row, original) == (1, line)
    assert reason.startswith("broken_quotes")
