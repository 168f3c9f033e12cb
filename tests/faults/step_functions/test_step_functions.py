"""The serverless path on a bad day, and on one on which files never stop coming; the tests tell one story, in order."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from killing import kill_function, new_key
from story import check, deliver
from whole_lake import APRIL, at_rest, at_work, kill_aws, until

from ledgerlake import keys, names

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


def machine(lake) -> str:
    (found,) = lake.client("stepfunctions").list_state_machines()["stateMachines"]
    return found["stateMachineArn"]


def executions(lake, status: str | None = None) -> list[dict]:
    asked = {"statusFilter": status} if status else {}
    return lake.client("stepfunctions").list_executions(stateMachineArn=machine(lake), **asked)["executions"]


@pytest.mark.long
def test_an_execution_that_is_aborted_is_replaced_by_the_sweep_and_a_person_is_told(lake, rounds):
    before = deliver(lake, round_ := next(rounds))
    at_work(lake, "products", before)
    (running,) = executions(lake, "RUNNING")
    lake.client("stepfunctions").stop_execution(executionArn=running["executionArn"])
    check(lake, round_)
    texts = [each["Subject"] + each["Message"] for each in lake.notifications()]
    assert any(running["name"] in text and "ABORTED" in text for text in texts)


@pytest.mark.long
def test_the_local_aws_is_killed_and_started_again(lake, rounds):
    """In `tests/e2e` every run of the suite sees the same with Airflow."""
    before = deliver(lake, round_ := next(rounds))
    at_work(lake, "orders", before)
    kill_aws(lake)
    lake.do("up")
    check(lake, round_)


def test_files_that_come_one_by_one_during_executions_are_all_archived_in_a_bounded_number_of_them(lake):
    """An execution is started for a batch that is open, and every batch holds a delivery that no other holds.

    So there are at most as many executions as files, and far fewer when files come faster than they are loaded. The
    Lambda that archives is killed as soon as its first file is seen.
    """
    if not APRIL.exists():
        pytest.skip("the deliveries of April 2025 are not beside the repository")
    if lake.keys(keys.ARCHIVED):  # by another test
        lake.do("up", "--fresh", "--orchestrator", "step_functions")
        lake.received.clear()
    files = sorted(APRIL.rglob("*.csv"))
    chance = random.Random(5)
    chance.shuffle(files)
    s3 = lake.client("s3")
    with ThreadPoolExecutor(1) as beside:
        killing = beside.submit(_kill_in_the_first_archive, lake)
        for file in files:
            dataset = "products" if file.parent == APRIL else file.parent.name
            s3.put_object(Bucket=lake.bucket, Key=f"{keys.raw_prefix(dataset)}{file.name}", Body=file.read_bytes())
            time.sleep(chance.uniform(0, 2))
        killing.result()
    at_rest(lake)
    until(lambda: not executions(lake, "RUNNING"), "the end of the last execution")
    assert len(lake.keys(keys.ARCHIVED)) == len(files) == 31
    done = executions(lake)
    assert {each["status"] for each in done} == {"SUCCEEDED"}
    loaded = [notification for notification in lake.notifications() if "loaded" in notification["Subject"]]
    assert len(loaded) == len(lake.notifications()) <= len(done) <= len(files)
    assert lake.query(
        "SELECT (SELECT count(*) FROM products) AS products, (SELECT count(*) FROM orders) AS orders, "
        "(SELECT round(sum(total_amount), 2) FROM orders) AS total, (SELECT count(*) FROM order_items) AS items, "
        "(SELECT count(*) FROM parked_order_items) AS parked, (SELECT sum(rejected) FROM ledger) AS rejected"
    ) == [{"products": 1000, "orders": 7500, "total": 1945810.41, "items": 40803, "parked": 0, "rejected": 0}]
    until(lambda: lake.messages_in_queue() == 0, "an empty queue")


def _kill_in_the_first_archive(lake) -> None:
    new_key(lake, keys.ARCHIVED, set())
    kill_function(lake, names.ARCHIVE_FUNCTION)
