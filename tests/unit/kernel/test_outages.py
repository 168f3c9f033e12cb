"""The timeouts of Airflow that a task's try hangs on, as they follow from the outage that must cost nothing."""

from __future__ import annotations

import pytest

from ledgerlake.outages import RESTART_SECONDS, airflow_options
from ledgerlake.settings import Settings


def options(outage):
    return {name: float(value) for name, value in airflow_options(Settings(outage_seconds=outage)).items()}


@pytest.mark.parametrize("outage", [5, 30, 60, 300, 900])
def test_every_timeout_outlives_the_outage(outage):
    found = options(outage)
    retries, pause = found["workers.execution_api_retries"], found["workers.execution_api_retry_wait_min"]
    away = outage + RESTART_SECONDS  # a part that is back does not answer at once
    assert (retries - 1) * pause >= away
    assert found["scheduler.task_instance_heartbeat_timeout"] >= 2 * away
    assert found["scheduler.task_queued_timeout"] >= 2 * away
    assert found["execution_api.jwt_expiration_time"] / 5 >= away


def test_the_token_is_renewed_early_enough_however_short_the_outage():
    assert all(options(outage)["execution_api.jwt_expiration_time"] / 5 > outage for outage in range(1, 1000))


@pytest.mark.parametrize("name", ["workers.execution_api_retries", "scheduler.task_instance_heartbeat_timeout"])
def test_what_is_told_of_an_outage_grows_with_it_by_one_factor(name):
    short, long = options(30)[name], options(300)[name]
    fixed = short - (long - short) / 9
    assert (long - fixed) / (short - fixed) == pytest.approx(10)
    assert 0 <= fixed <= 2 * RESTART_SECONDS, "what does not scale is for a part to start again"
