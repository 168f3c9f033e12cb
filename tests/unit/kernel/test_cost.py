"""From usage to dollars: hand-counted examples, and what holds for any usage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledgerlake.costs import cost, prices
from ledgerlake.costs.cost import Calls, DpuTime, Requests, RunCost, Usage

MB, GB = 1024**2, 1024**3
times = st.builds(DpuTime, st.floats(0, 1e5), st.sampled_from([2.0, 10.0]))
usages = st.builds(
    Usage,
    jobs=st.none() | st.lists(times, max_size=5).map(tuple),
    crawls=st.none() | st.lists(times, max_size=2).map(tuple),
    scanned=st.none() | st.lists(st.integers(0, 10**12), max_size=6).map(tuple),
    requests=st.none() | st.builds(Requests, *[st.integers(0, 10**6)] * 5),
    calls=st.none() | st.builds(Calls, st.integers(0, 100), st.floats(0, 1e4)),
    transitions=st.none() | st.integers(0, 10**4),
)


def dollars(**used: object) -> RunCost:
    return cost.cost(Usage(**used))


# --- by hand


def test_three_jobs_of_two_dpus_for_three_minutes_cost_what_a_calculator_says():
    # 3 x 2 DPU x 180 s = 1080 DPU-s = 0.3 DPU-h; x 0.44
    assert dollars(jobs=(DpuTime(180, 2),) * 3).glue == 0.132


def test_a_job_is_billed_for_a_minute_at_the_least():
    # 2 DPU x 60 s = 120 DPU-s = 1/30 DPU-h; x 0.44
    assert dollars(jobs=(DpuTime(12, 2),)).glue == 0.014667


def test_what_glue_says_itself_goes_before_time_and_capacity():
    # 3600 DPU-s = 1 DPU-h, although 10 workers were allowed for an hour
    assert dollars(jobs=(DpuTime(3600, 10, 3600.0),)).glue == 0.44


def test_a_crawl_is_billed_for_ten_minutes_at_the_least():
    # 2 DPU x 600 s = 1/3 DPU-h; x 0.44
    assert dollars(crawls=(DpuTime(65, 2),)).crawler == 0.146667
    # 2 DPU x 1200 s
    assert dollars(crawls=(DpuTime(1200, 2),)).crawler == 0.293333


def test_a_query_is_billed_for_ten_megabytes_at_the_least():
    # 6 x 10 MB = 60 / 1048576 TB; x 5
    assert cost.billed_bytes((0, 1, 9 * MB, 10 * MB, 2, 3)) == 60 * MB
    assert dollars(scanned=(0, 1, 9 * MB, 10 * MB, 2, 3)).athena == 0.000286


def test_a_query_is_billed_by_the_megabyte_rounded_up():
    assert cost.billed_bytes((10 * MB + 1,)) == 11 * MB
    # 1 TB
    assert dollars(scanned=(1024 * GB,)).athena == 5


def test_requests_are_priced_by_their_kind():
    # 1000 writes 0.005, 1000 reads 0.0004, 1000 messages 0.0004, 1000 notifications 0.0005, 1000 figures 0.01
    assert dollars(requests=Requests(1000, 1000, 1000, 1000, 1000)).requests == 0.0163


def test_functions_are_priced_by_call_and_by_time():
    # 6 x 0.0000002 + 10 x 0.0000166667
    assert dollars(calls=Calls(6, 10)).functions == 0.000168


def test_forty_transitions_cost_a_tenth_of_a_cent():
    assert dollars(transitions=40).states == 0.001


def test_a_whole_run_is_the_sum_of_its_services():
    found = dollars(jobs=(DpuTime(180, 2),) * 3, scanned=(1,) * 6, transitions=40)
    assert (found.total, found.unknown) == (0.133286, ())


# --- what holds for any usage


@given(usages)
def test_the_total_is_the_sum_of_what_is_shown_and_names_what_is_not_known(used):
    found = cost.cost(used)
    shown = [getattr(found, name) for name in RunCost.__dataclass_fields__]
    assert found.total == round(sum(each for each in shown if each is not None), 6)
    unknown = [name for name, each in zip(RunCost.__dataclass_fields__, shown, strict=True) if each is None]
    assert list(found.unknown) == unknown
    assert len(unknown) == sum(getattr(used, name) is None for name in Usage.__dataclass_fields__)


@given(usages)
def test_nothing_is_ever_given_money_for(used):
    found = cost.cost(used)
    assert all((getattr(found, name) or 0) >= 0 for name in RunCost.__dataclass_fields__)


@given(times)
def test_no_less_is_billed_than_was_used_nor_than_the_minimum(time):
    billed = time.billed(prices.JOB_MINIMUM_SECONDS)
    assert billed >= time.used
    assert billed >= 60 * time.dpus
    assert billed in (time.used, 60 * time.dpus)


@given(st.lists(st.integers(0, 10**13)), st.integers(0, 10**13))
def test_a_further_query_costs_its_bytes_within_a_megabyte_or_the_minimum(scanned, more):
    added = cost.billed_bytes([*scanned, more]) - cost.billed_bytes(scanned)
    assert added == 10 * MB if more <= 10 * MB else 0 <= added - more < MB


@given(st.lists(st.builds(Requests, *[st.integers(0, 1000)] * 5), max_size=4))
def test_requests_add_up(made):
    together = sum(made, Requests())
    assert together.count == sum(each.count for each in made)


def test_no_usage_costs_nothing_and_is_known():
    assert dollars() == RunCost(0, 0, 0, 0, 0, 0)


# --- the prices


@pytest.mark.parametrize("name", prices.PRICES)
def test_every_price_says_where_it_is_from_and_whether_aws_says_so(name):
    price = prices.PRICES[name]
    assert price.dollars > 0
    assert price.page.startswith("https://aws.amazon.com/")
    assert price.page.endswith("/pricing/")
    assert price.seen
    assert price.standing == ("by AWS's own page" if price.confirmed else "not confirmed")


def test_the_prices_have_a_day():
    assert prices.LOOKED_UP == "2026-11-21"
