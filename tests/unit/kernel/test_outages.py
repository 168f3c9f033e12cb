"""The timeouts of Airflow that a task's try hangs on, as they follow from the outage that must cost nothing."""

from __future__ import annotations

import pytest

from ledgerlake.outages import REQUEST_SECONDS, airflow_options
from ledgerlake.settings import Settings


def options(outage):
    return {name: float(value) for name, value in airflow_options(Settings(outage_seconds=outage)).items()}


@pytest.mark.parametrize("outage", [5, 30, 60, 300, 900])
def test_every_timeout_outlives_the_outage(outage):
    found = options(outage)
    retries, pause = found["workers.execution_api_retries"], found["workers.execution_api_retry_wait_min"]
    assert (retries - 1) * pause >= 1.2 * outage + REQUEST_SECONDS, "a part that is back does not answer at once"
    assert found["scheduler.task_instance_heartbeat_timeout"] >= 2 * outage
    assert found["scheduler.task_queued_timeout"] >= 2 * outage
    assert found["execution_api.jwt_expiration_time"] / 5 >= 1.2 * outage or outage <= 60


def test_the_token_is_renewed_early_enough_however_short_the_outage():
    assert all(options(outage)["execution_api.jwt_expiration_time"] / 5 > outage for outage in range(1, 1000))


@pytest.mark.parametrize("name", ["workers.execution_api_retries", "scheduler.task_instance_heartbeat_timeout"])
def test_what_is_told_of_an_outage_grows_with_it_by_one_factor(name):
    short, long = options(30)[name], options(300)[name]
    fixed = short - (long - short) / 9
    assert (long - fixed) / (short - fixed) == pytest.approx(10)
    assert 0 <= fixed <= 30, "what does not scale is for one slow answer"
