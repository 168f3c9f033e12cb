from __future__ import annotations

import pytest

from ledgerlake.errors import SettingsError
from ledgerlake.places import Places
from ledgerlake.settings import Settings, from_environment


def test_a_setting_comes_from_its_variable_or_from_the_option_that_mwaa_passes_on():
    assert from_environment({"LEDGERLAKE_GATE": "any"}).gate == "any"
    assert from_environment({"AIRFLOW__LEDGERLAKE__GATE": "any"}).gate == "any"
    both = {"AIRFLOW__LEDGERLAKE__GATE": "any", "LEDGERLAKE_GATE": "delivered"}
    assert from_environment(both).gate == "delivered"


def test_every_environment_has_defaults_of_its_own():
    local, prod = from_environment({}), from_environment({"LEDGERLAKE_ENVIRONMENT": "prod"})
    assert local.environment == "local"
    assert local.settle_seconds < prod.settle_seconds
    assert from_environment({"LEDGERLAKE_SETTLE_SECONDS": "1.5"}).settle_seconds == 1.5


@pytest.mark.parametrize(
    "environ",
    [
        {"LEDGERLAKE_GATES": "any"},
        {"LEDGERLAKE_GATE": "shut"},
        {"LEDGERLAKE_ENVIRONMENT": "test"},
        {"LEDGERLAKE_POLL_SECONDS": "soon"},
        {"LEDGERLAKE_TASK_RETRIES": "-1"},
    ],
)
def test_a_misspelt_setting_or_a_wrong_value_is_refused(environ):
    with pytest.raises(SettingsError):
        from_environment(environ)


def test_a_message_stays_hidden_for_longer_than_a_job_may_run():
    for environment in ("local", "dev", "prod"):
        settings = from_environment({"LEDGERLAKE_ENVIRONMENT": environment})
        assert settings.visibility_seconds > settings.retry_visibility_seconds
        assert settings.lease_seconds >= settings.retry_visibility_seconds


def test_places_of_two_environments_do_not_meet():
    dev = Places.of(Settings(environment="dev", account="123456789012"))
    prod = Places.of(Settings(environment="prod", account="123456789012"))
    assert dev.bucket != prod.bucket
    assert dev.queue_url == "https://sqs.us-east-1.amazonaws.com/123456789012/ecommerce-etl-queue"
    assert dev.topic_arn == "arn:aws:sns:us-east-1:123456789012:ecommerce-etl-notifications"
