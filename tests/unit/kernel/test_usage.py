"""What AWS is asked about a run, and that whatever it answers fails no run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from ledgerlake.costs.cost import DpuTime
from ledgerlake.costs.usage import ObservedRun, usage

BATCH = "20250401T080000Z-1a2b3c4d"
BEGAN = datetime(2025, 4, 1, 8, tzinfo=UTC)


def job_run(batch_id=BATCH, seconds=100, began=BEGAN, **more):
    named = {"Arguments": {"--batch_id": batch_id}, "ExecutionTime": seconds, "StartedOn": began, "MaxCapacity": 2.0}
    return named | more


class Glue:
    """Answers with `runs` by job, in pages of one run, and with `crawls`."""

    def __init__(self, runs=None, crawls=()):
        self.runs, self.crawls, self.pages = runs or {}, list(crawls), 0

    def get_paginator(self, name):
        assert name == "get_job_runs"
        return self

    def paginate(self, JobName, **_):  # noqa: N803 - as boto3 calls it
        for run in self.runs.get(JobName, []):
            self.pages += 1
            yield {"JobRuns": [run]}

    def list_crawls(self, CrawlerName, **_):  # noqa: N803 - as boto3 calls it
        assert CrawlerName == "ecommerce-lakehouse-crawler"
        return {"Crawls": self.crawls}


class Athena:
    def __init__(self, scanned):
        self.scanned = scanned

    def get_query_execution(self, QueryExecutionId):  # noqa: N803 - as boto3 calls it
        return {"QueryExecution": {"Statistics": {"DataScannedInBytes": self.scanned[QueryExecutionId]}}}


def clients(**made):
    return lambda service: made[service]


def seen(**more):
    known = {
        "workflow": "w",
        "run_id": "r",
        "batch_id": BATCH,
        "started_at": "2025-04-01T08:00:00Z",
        "deliveries": 2,
        "scanned": (1, 2, 3, 4, 5, 6),
        "archive": {"requests": {"writes": 2, "reads": 6}},
    }
    return ObservedRun(**known | more)


def test_every_run_of_a_job_for_the_batch_is_counted_failed_tries_too():
    runs = {
        "orders_etl": [job_run(seconds=70), job_run(seconds=40, JobRunState="FAILED"), job_run("another")],
        "product_etl": [job_run(MaxCapacity=None, WorkerType="G.2X", NumberOfWorkers=5, DPUSeconds=300.0)],
        "order_items_etl": [job_run("another")],
    }
    found = usage(seen(), clients(glue=Glue(runs))).jobs
    assert sorted(found, key=lambda each: each.seconds) == [
        DpuTime(40, 2),
        DpuTime(70, 2),
        DpuTime(100, 10, 300.0),
    ]


def test_a_run_that_never_came_to_work_costs_nothing():
    assert usage(seen(), clients(glue=Glue({"orders_etl": [job_run(seconds=0)]}))).jobs == ()


def test_runs_are_read_back_to_the_plan_of_the_batch_and_no_further():
    old = [job_run("older", began=BEGAN - timedelta(hours=hours)) for hours in (1, 2, 3)]
    glue = Glue({"orders_etl": [job_run(), *old]})
    assert len(usage(seen(), clients(glue=glue)).jobs) == 1
    assert glue.pages == 2


def crawl(hour, minutes=1, dpu_hours=0.05):
    began = BEGAN.replace(hour=hour)
    return {"StartTime": began, "EndTime": began + timedelta(minutes=minutes), "DPUHour": dpu_hours}


def test_the_crawl_of_the_run_is_counted_and_not_that_of_an_earlier_one():
    glue = Glue(crawls=[crawl(9), crawl(7)])
    assert usage(seen(crawled=True), clients(glue=glue)).crawls == (DpuTime(60, 2, 180.0),)


def test_a_run_that_waited_for_its_batch_does_not_pay_for_a_crawl_of_that_time():
    glue = Glue(crawls=[crawl(7)])
    assert usage(seen(crawled=True, started_at="2025-04-01T06:00:00Z"), clients(glue=glue)).crawls is None


def test_a_run_that_went_on_with_an_older_batch_does_not_pay_for_the_crawl_of_another_before_it():
    glue = Glue(crawls=[crawl(11), crawl(9)])
    found = usage(seen(crawled=True, started_at="2025-04-01T10:00:00Z"), clients(glue=glue)).crawls
    assert len(found) == 1


def test_a_run_that_needed_no_crawl_asks_for_none_and_has_none():
    assert usage(seen(), clients(glue=Glue(crawls=[crawl(9)]))).crawls == ()


def test_a_crawl_that_is_not_listed_is_unknown_and_not_free(caplog):
    assert usage(seen(crawled=True), clients(glue=Glue(crawls=[crawl(7)]))).crawls is None
    assert "no crawl of ecommerce-lakehouse-crawler since 2025-04-01 08:00:00 is listed" in caplog.text


def test_athena_is_asked_about_queries_whose_bytes_are_not_known():
    ids = ["a", "b", "c", "d", "e", "f"]
    athena = Athena({name: number for number, name in enumerate(ids)})
    found = usage(seen(scanned=(), query_ids=ids), clients(glue=Glue(), athena=athena))
    assert found.scanned == (0, 1, 2, 3, 4, 5)


@pytest.mark.parametrize("more", [{"scanned": (1, 2)}, {"scanned": ()}, {"scanned": (), "query_ids": [None] * 6}])
def test_bytes_of_some_queries_are_not_the_bytes_of_all(more):
    assert usage(seen(**more), clients(glue=Glue(), athena=Athena({}))).scanned is None


def test_an_archive_that_counted_nothing_leaves_the_requests_unknown():
    assert usage(seen(archive={}), clients(glue=Glue())).requests is None
    assert usage(seen(), clients(glue=Glue())).requests.s3_writes == 12


def test_airflow_makes_no_transitions_and_a_state_machine_some_for_each_try_of_a_job():
    glue = Glue({"orders_etl": [job_run()] * 4})
    assert usage(seen(), clients(glue=glue)).transitions == 0
    assert usage(seen(looks=0), clients(glue=glue)).transitions == 29 + 3
    assert usage(seen(looks=2), clients(glue=Glue())).transitions == 29 + 7


def _away(_service):
    raise RuntimeError("AWS is away")


@pytest.mark.parametrize(
    "connect", [_away, clients(), lambda _: SimpleNamespace(), lambda _: None], ids=["away", "none", "odd", "null"]
)
def test_whatever_goes_wrong_leaves_its_figure_unknown_and_no_more(connect, caplog):
    found = usage(seen(crawled=True, scanned=(), query_ids=["a"] * 6), connect)
    assert (found.jobs, found.crawls, found.scanned) == (None, None, None)
    assert found.requests is not None
    assert caplog.text.count("is not known in full") == 3
