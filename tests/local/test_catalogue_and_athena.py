"""The crawler and Athena on small tables that the tests write."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import time
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError
from deltalake import write_deltalake

from local.aws_clients import storage_options

BUCKET = "test-lake"
NOONS = [datetime(2025, 4, day, 12, 30, tzinfo=UTC) for day in (1, 2, 3)]
ORDERS = f"s3://{BUCKET}/lake/orders/"


@pytest.fixture(scope="module")
def crawl(client):
    """`crawl(location…)` crawls Delta tables into the database `shop` and returns LastCrawl."""

    def run(*locations: str) -> dict:
        glue = client("glue")
        name = f"crawler-{abs(hash(locations))}"
        with contextlib.suppress(glue.exceptions.AlreadyExistsException):
            glue.create_crawler(
                Name=name,
                Role="arn:aws:iam::000000000000:role/test",
                DatabaseName="shop",
                Targets={"DeltaTargets": [{"DeltaTables": list(locations), "CreateNativeDeltaTable": True}]},
            )
        glue.start_crawler(Name=name)
        deadline = time.monotonic() + 20
        while (crawler := glue.get_crawler(Name=name)["Crawler"])["State"] != "READY":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return crawler["LastCrawl"]

    return run


@pytest.fixture(scope="module")
def orders(aws_home, crawl):
    rows = pa.table(
        {
            "order_id": pa.array([1, 2, 3], pa.int64()),
            "placed": pa.array(
                [datetime(2025, 4, day, 12, 30, tzinfo=UTC) for day in (1, 2, 3)], pa.timestamp("us", "UTC")
            ),
            "date": pa.array([noon.date() for noon in NOONS]),
            "total": [10.5, 20.25, None],
        }
    )
    write_deltalake(ORDERS.rstrip("/"), rows, partition_by=["date"], storage_options=storage_options(aws_home))
    assert crawl(ORDERS)["Status"] == "SUCCEEDED"


@pytest.fixture(scope="module")
def query(client):
    """`query(sql)` returns the rows of text, or raises ValueError with the reason why it failed."""

    def run(sql: str) -> list[list[str | None]]:
        athena = client("athena")
        started = athena.start_query_execution(
            QueryString=sql, QueryExecutionContext={"Database": "shop"}, WorkGroup="shop"
        )["QueryExecutionId"]
        run.last = started
        deadline = time.monotonic() + 20
        while True:
            status = athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"]
            if status["State"] == "FAILED":
                raise ValueError(status["StateChangeReason"])
            if status["State"] == "SUCCEEDED":
                break
            assert time.monotonic() < deadline
            time.sleep(0.02)
        rows = athena.get_query_results(QueryExecutionId=started)["ResultSet"]["Rows"]
        return [[value.get("VarCharValue") for value in row["Data"]] for row in rows]

    return run


def declare(client, name: str, columns: dict[str, str], prefix: str, partitions: dict[str, str] | None = None) -> None:
    named = [{"Name": column, "Type": kind} for column, kind in columns.items()]
    keys = [{"Name": column, "Type": kind} for column, kind in (partitions or {}).items()]
    client("glue").create_table(
        DatabaseName="shop",
        TableInput={
            "Name": name,
            "PartitionKeys": keys,
            "Parameters": {"classification": "parquet"},
            "StorageDescriptor": {"Columns": named, "Location": f"s3://{BUCKET}/{prefix}"},
        },
    )


def put_parquet(client, key: str, rows: pa.Table) -> None:
    body = io.BytesIO()
    pq.write_table(rows, body)
    client("s3").put_object(Bucket=BUCKET, Key=key, Body=body.getvalue())


def test_the_crawler_registers_the_columns_of_the_delta_log(client, orders):
    table = client("glue").get_table(DatabaseName="shop", Name="orders")["Table"]
    columns = {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}
    assert columns == {"order_id": "bigint", "placed": "timestamp", "date": "date", "total": "double"}
    assert table["Parameters"]["table_type"] == "delta"
    assert table["StorageDescriptor"]["Location"] == ORDERS


def test_the_crawls_of_a_crawler_are_listed_newest_first(client, orders, crawl):
    crawl(ORDERS)
    name = f"crawler-{abs(hash((ORDERS,)))}"
    newest, before, *_ = client("glue").list_crawls(CrawlerName=name)["Crawls"]
    assert before["StartTime"] <= before["EndTime"] <= newest["StartTime"] <= newest["EndTime"]
    assert newest["State"] == "COMPLETED"
    seconds = (newest["EndTime"] - newest["StartTime"]).total_seconds()
    assert newest["DPUHour"] == pytest.approx(2 * seconds / 3600, abs=1e-6)
    assert len(client("glue").list_crawls(CrawlerName=name, MaxResults=1)["Crawls"]) == 1
    with pytest.raises(ClientError, match="EntityNotFound"):
        client("glue").list_crawls(CrawlerName="nobody")


def test_lines_of_json_are_rows_with_the_types_of_the_catalogue(client, query):
    serde = {"SerializationLibrary": "org.apache.hive.hcatalog.data.JsonSerDe"}
    kinds = {"run": "string", "files": "bigint", "dollars": "double", "ended": "timestamp"}
    columns = [{"Name": name, "Type": kind} for name, kind in kinds.items()]
    storage = {"Columns": columns, "Location": f"s3://{BUCKET}/records/", "SerdeInfo": serde}
    client("glue").create_table(DatabaseName="shop", TableInput={"Name": "records", "StorageDescriptor": storage})
    assert query("SELECT * FROM records") == [list(kinds)]
    for name, files, dollars in (("a", 3, 1), ("b", None, 1.5e-05)):
        line = {"run": name, "files": files, "dollars": dollars, "ended": "2025-04-01 08:00:00.125", "else": 1}
        client("s3").put_object(Bucket=BUCKET, Key=f"records/{name}.json", Body=json.dumps(line).encode() + b"\n")
    assert query("SELECT * FROM records ORDER BY run")[1:] == [
        ["a", "3", "1.0", "2025-04-01 08:00:00.125"],
        ["b", None, "1.5E-5", "2025-04-01 08:00:00.125"],
    ]


def test_a_target_without_a_table_fails_the_crawl_and_the_others_are_registered(orders, crawl):
    last = crawl(f"s3://{BUCKET}/lake/nothing/", ORDERS)
    assert last["Status"] == "FAILED"
    assert "lake/nothing" in last["ErrorMessage"]


def test_athena_reads_a_delta_table_with_the_types_of_the_catalogue(orders, query):
    assert query("SELECT order_id, placed, date, total FROM orders WHERE date >= DATE '2025-04-02' ORDER BY 1") == [
        ["order_id", "placed", "date", "total"],
        ["2", "2025-04-02 12:30:00.000 UTC", "2025-04-02", "20.25"],
        ["3", "2025-04-03 12:30:00.000 UTC", "2025-04-03", None],
    ]


def test_a_table_may_be_named_with_its_database_and_catalogue(orders, query):
    assert query('SELECT count(*) FROM "awsdatacatalog"."shop"."orders"')[1] == ["3"]
    assert query("SELECT shop.orders.order_id FROM shop.orders ORDER BY shop.orders.order_id LIMIT 1")[1] == ["1"]


def test_the_result_is_a_csv_at_the_output_location_as_athena_quotes_it(client, orders, query):
    query("SELECT order_id, total FROM orders WHERE order_id > 1 ORDER BY 1")
    execution = client("athena").get_query_execution(QueryExecutionId=query.last)["QueryExecution"]
    location = execution["ResultConfiguration"]["OutputLocation"]
    assert location == f"s3://{BUCKET}/results/{query.last}.csv"
    body = client("s3").get_object(Bucket=BUCKET, Key=f"results/{query.last}.csv")["Body"].read().decode()
    assert body == '"order_id","total"\n"2","20.25"\n"3",\n'
    assert len(list(csv.reader(io.StringIO(body)))) == 3


def test_a_parquet_table_with_an_empty_prefix_is_an_empty_table_with_its_columns(client, query):
    declare(client, "rejected", {"source_row": "bigint", "reasons": "array<string>"}, "rejected/none/")
    assert query("SELECT source_row, reasons, cardinality(reasons) AS n FROM rejected") == [
        ["source_row", "reasons", "n"]
    ]
    assert query("SELECT count(*), sum(source_row) FROM rejected")[1] == ["0", None]


def test_parquet_partitions_are_columns_and_files_may_lack_a_column(client, query):
    declare(client, "ledger", {"rows_read": "bigint", "parked": "bigint"}, "ledger/", {"dataset": "string"})
    put_parquet(client, "ledger/dataset=orders/a.parquet", pa.table({"rows_read": [3], "parked": [1]}))
    put_parquet(client, "ledger/dataset=products/b.parquet", pa.table({"rows_read": pa.array([5], pa.int32())}))
    assert query("SELECT dataset, rows_read, parked FROM ledger ORDER BY dataset")[1:] == [
        ["orders", "3", "1"],
        ["products", "5", None],
    ]
    put_parquet(client, "ledger/dataset=orders/a.parquet", pa.table({"rows_read": [4], "parked": [0]}))
    assert query("SELECT rows_read FROM ledger WHERE dataset = 'orders'")[1] == ["4"]


def test_arrays_are_unnested_and_joined(client, query):
    declare(client, "listed", {"reasons": "array<string>"}, "listed/")
    put_parquet(client, "listed/a.parquet", pa.table({"reasons": [["too late", "no total"]]}))
    assert query("SELECT reasons FROM listed")[1] == ["[too late, no total]"]
    assert query("SELECT r FROM listed CROSS JOIN UNNEST(reasons) AS t(r) ORDER BY r")[1:] == [
        ["no total"],
        ["too late"],
    ]
    assert query("SELECT array_join(reasons, '; ') FROM listed")[1] == ["too late; no total"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("7 / 2", "3"),
        ("7 / 2.0e0", "3.5"),
        ("date_diff('day', TIMESTAMP '2025-04-01 23:00:00', TIMESTAMP '2025-04-02 01:00:00')", "0"),
        ("date_diff('hour', TIMESTAMP '2025-04-01 23:00:00', TIMESTAMP '2025-04-02 01:00:00')", "2"),
        ("date_diff('day', DATE '2025-04-01', DATE '2025-04-03')", "2"),
        ("coalesce(CAST(NULL AS varchar), 'NULL') || ',' || CAST(5 AS varchar)", "NULL,5"),
        ("12345678.5e0", "1.23456785E7"),
        ("true", "true"),
        ("round(2.567, 2)", "2.57"),
        ("approx_distinct(1)", "1"),
        ("count_if(1 = 1)", "1"),
        ("date_format(TIMESTAMP '2025-04-01 10:00:00', '%Y-%m')", "2025-04"),
        ("DATE '2025-04-01' + INTERVAL '1' DAY", "2025-04-02"),
        ("date_add('day', 3, date_trunc('month', DATE '2025-04-17'))", "2025-04-04"),
        ("CAST(2.5e0 AS integer) + CAST(-2.5e0 AS bigint)", "0"),
        ("try_cast('1.5' AS integer)", None),
        ("try_cast(' 5 ' AS bigint)", "5"),
        ("from_unixtime(1743501600)", "2025-04-01 10:00:00.000 UTC"),
        ("5 BETWEEN 4 AND 6.5 AND 5 IN (5, 6) AND DATE '2025-04-01' < TIMESTAMP '2025-04-01 00:00:01'", "true"),
    ],
)
def test_an_expression_has_the_value_that_athena_gives(query, expression, expected):
    assert query(f"SELECT {expression}")[1] == [expected]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT * FROM nowhere", "TABLE_NOT_FOUND: line 1:1: Table 'awsdatacatalog.shop.nowhere' does not exist"),
        ("SELECT nothing FROM orders", "COLUMN_NOT_FOUND: line 1:1: Column 'nothing' cannot be resolved"),
        ("SELEC 1", "SYNTAX_ERROR"),
        ("SELECT order_id FROM orders GROUP BY date", "SYNTAX_ERROR"),
        ("SELECT CAST('five' AS bigint)", "INVALID_CAST_ARGUMENT"),
        ("SELECT no_such_function(1)", "FUNCTION_NOT_FOUND"),
        ("SELECT 1 / 0", "DIVISION_BY_ZERO"),
        ("SELECT * FROM orders WHERE date = '2025-04-01'", "TYPE_MISMATCH"),
        ("SELECT * FROM orders WHERE date BETWEEN '2025-04-01' AND '2025-04-02'", "TYPE_MISMATCH"),
        ("SELECT * FROM orders o JOIN orders p ON o.order_id = CAST(p.order_id AS varchar)", "TYPE_MISMATCH"),
        ("WITH a AS (SELECT max(order_id) AS m FROM orders) SELECT * FROM a WHERE m IN ('3')", "TYPE_MISMATCH"),
        ("SELECT coalesce(total, 'none') FROM orders", "TYPE_MISMATCH"),
        ("SELECT 'order ' || order_id FROM orders", "FUNCTION_NOT_FOUND"),
        ("CREATE VIEW mine AS SELECT 1 AS one", "NOT_SUPPORTED"),
    ],
)
def test_a_wrong_query_fails_with_athenas_code(orders, query, sql, reason):
    with pytest.raises(ValueError, match="^" + reason.replace("(", r"\(")):
        query(sql)


def test_tables_can_be_listed_and_described(client, orders, query):
    assert ["orders"] in query("SHOW TABLES")
    assert any(row[0].split() == ["order_id", "bigint"] for row in query("DESCRIBE orders"))


def test_a_result_of_many_rows_comes_in_pages(client, orders, query):
    query("SELECT a.order_id FROM orders a CROSS JOIN UNNEST(sequence(1, 500)) AS t(n)")
    pages = client("athena").get_paginator("get_query_results").paginate(QueryExecutionId=query.last)
    assert sum(len(page["ResultSet"]["Rows"]) for page in pages) == 1501


def test_an_unknown_query_is_an_error(client):
    with pytest.raises(ClientError, match="not found"):
        client("athena").get_query_execution(QueryExecutionId="no-such-query")


def test_a_column_without_a_name_is_called_after_its_place(orders, query):
    assert query("SELECT 1 AS one, count(*), CAST(order_id AS varchar), total, 2 FROM orders GROUP BY 3, 4")[0] == [
        "one",
        "_col1",
        "_col2",
        "total",
        "_col4",
    ]


def test_times_are_rounded_to_milliseconds(client, query):
    declare(client, "timed", {"at": "timestamp"}, "timed/")
    at = [datetime(2025, 4, 1, 12, 0, 0, microsecond) for microsecond in (1499, 1500)]
    put_parquet(client, "timed/a.parquet", pa.table({"at": pa.array(at, pa.timestamp("us"))}))
    assert query("SELECT at FROM timed ORDER BY 1")[1:] == [["2025-04-01 12:00:00.001"], ["2025-04-01 12:00:00.002"]]


def test_decimals_keep_their_scale(query):
    assert query("SELECT CAST(1945810.41 AS decimal(12, 2))")[1] == [str(Decimal("1945810.41"))]
