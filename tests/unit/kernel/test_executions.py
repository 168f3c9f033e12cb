from __future__ import annotations

import pytest

from ledgerlake.runs import executions

BATCH = "20250401T000000Z-12345678"
ARN = "arn:{}:lambda:eu-west-1:1234:function:ReportETLRun"


@pytest.mark.parametrize("attempt", [1, 2, 10])
def test_the_name_of_an_execution_says_which_attempt_it_is(attempt):
    assert executions.attempt_of(executions.name_of(BATCH, attempt)) == attempt


@pytest.mark.parametrize("name", ["by-hand-7", "7", "", f"{BATCH}-x", f"{BATCH}-2-3", f"x{BATCH}-2"])
def test_an_execution_that_was_named_otherwise_is_a_first_attempt(name):
    assert executions.attempt_of(name) == 1


def test_a_batch_whose_hash_is_all_digits_is_not_taken_for_an_attempt():
    assert executions.name_of(BATCH, 1) == BATCH
    assert executions.attempt_of(BATCH) == 1


def test_a_holder_is_an_execution_or_a_dispatch_or_a_stranger():
    assert executions.execution_of(executions.holder_of("e-1")) == "e-1"
    dispatch = executions.dispatch_holder("r-1")
    assert dispatch == "step_functions:CheckDataAvailability/r-1"
    assert (executions.is_dispatch(dispatch), executions.execution_of(dispatch)) == (True, None)
    for stranger in ("airflow:ecommerce_lakehouse", "cli:x", ""):
        assert (executions.is_dispatch(stranger), executions.execution_of(stranger)) == (False, None)


@pytest.mark.parametrize(
    ("partition", "domain"),
    [
        ("aws", "console.aws.amazon.com"),
        ("aws-cn", "console.amazonaws.cn"),
        ("aws-us-gov", "console.amazonaws-us-gov.com"),
    ],
)
def test_an_execution_is_shown_by_the_console_of_its_partition(partition, domain):
    assert executions.console_url(ARN.format(partition), "e-1") == (
        f"https://eu-west-1.{domain}/states/home?region=eu-west-1#/v2/executions/details/"
        f"arn:{partition}:states:eu-west-1:1234:execution:EcommerceETLPipeline:e-1"
    )
