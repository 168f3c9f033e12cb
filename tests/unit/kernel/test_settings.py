from __future__ import annotations

import pytest

from ledgerlake import settings
from ledgerlake.errors import SettingsError
from ledgerlake.settings import from_environment


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
    ("environ", "says"),
    [
        ({"LEDGERLAKE_GATES": "any"}, "LEDGERLAKE_GATES is set; expected one of environment, account, region, gate,"),
        ({"AIRFLOW__LEDGERLAKE__GATES": "any"}, "LEDGERLAKE_GATES is set; expected one of"),
        ({"LEDGERLAKE_GATE": "shut"}, "gate is 'shut'; expected one of loaded, delivered, any"),
        ({"LEDGERLAKE_ENVIRONMENT": "test"}, "environment is 'test'; expected one of local, dev, prod"),
        ({"LEDGERLAKE_POLL_SECONDS": "soon"}, "poll_seconds is 'soon'; expected a value of type float"),
        ({"LEDGERLAKE_TASK_RETRIES": "1.5"}, "task_retries is '1.5'; expected a value of type int"),
        ({"LEDGERLAKE_TASK_RETRIES": "-1"}, "task_retries is -1; expected"),
        ({"LEDGERLAKE_POLL_SECONDS": "-0.1"}, "poll_seconds is -0.1; expected"),
        ({"LEDGERLAKE_POLL_SECONDS": "nan"}, "poll_seconds is nan; expected"),
        ({"LEDGERLAKE_SETTLE_SECONDS": "inf"}, "settle_seconds is inf; expected"),
    ],
)
def test_a_misspelt_setting_or_a_wrong_value_is_refused_with_the_right_ones(environ, says):
    with pytest.raises(SettingsError) as error:
        from_environment(environ)
    assert says in str(error.value)


def test_variables_of_others_and_those_that_are_no_settings_are_let_be():
    others = {"PATH": "/bin", "AIRFLOW__CORE__PARALLELISM": "4", "LEDGERLAKE_HOME": "/tmp/a", "LEDGERLAKE_BUCKET": "b"}
    assert from_environment(others) == from_environment({})


def test_the_region_is_that_of_aws_unless_it_is_set():
    assert from_environment({"AWS_DEFAULT_REGION": "eu-west-1"}).region == "eu-west-1"
    assert from_environment({"AWS_DEFAULT_REGION": "eu-west-1", "AWS_REGION": "eu-west-2"}).region == "eu-west-2"
    assert from_environment({"LEDGERLAKE_REGION": "eu-west-3", "AWS_REGION": "eu-west-2"}).region == "eu-west-3"
    assert from_environment({}).region == "us-east-1"


def test_an_account_keeps_its_leading_zeros():
    assert from_environment({"LEDGERLAKE_ACCOUNT": "001234567890"}).account == "001234567890"


def test_the_process_environment_is_read_when_no_other_is_given(monkeypatch):
    monkeypatch.setenv("LEDGERLAKE_GATE", "delivered")
    assert from_environment().gate == "delivered"


def test_settings_of_a_process_are_read_once(monkeypatch):
    settings.current.cache_clear()
    try:
        first = settings.current()
        monkeypatch.setenv("LEDGERLAKE_GATE", "any")
        assert settings.current() is first
    finally:
        settings.current.cache_clear()


def test_a_home_and_a_bucket_are_what_the_environment_says(monkeypatch):
    assert settings.state_folder("/default") == "/default"
    monkeypatch.setenv("LEDGERLAKE_HOME", "/elsewhere")
    assert settings.state_folder("/default") == "/elsewhere"
    assert settings.lake_bucket({"LEDGERLAKE_BUCKET": "a", "AIRFLOW__LEDGERLAKE__BUCKET": "b"}) == "a"
    assert settings.lake_bucket({"AIRFLOW__LEDGERLAKE__BUCKET": "b"}) == "b"
    assert settings.lake_bucket({}) is None


def test_a_message_is_hidden_for_longer_during_a_run_than_after_a_failed_one():
    for environment in ("local", "dev", "prod"):
        here = from_environment({"LEDGERLAKE_ENVIRONMENT": environment})
        assert here.visibility_seconds > here.retry_visibility_seconds
        assert here.lease_seconds >= here.retry_visibility_seconds


def test_step_functions_has_settings_of_its_own():
    prod, local = from_environment({"LEDGERLAKE_ENVIRONMENT": "prod"}), from_environment({})
    assert (prod.orchestrator, prod.sweep_minutes, prod.date_concurrency, prod.execution_timeout_minutes) == (
        "airflow",
        15,
        4,
        360,
    )
    assert (local.sweep_minutes, local.execution_timeout_minutes) == (1, 60)
    with pytest.raises(SettingsError, match="orchestrator is 'cron'; expected one of airflow, step_functions"):
        from_environment({"LEDGERLAKE_ORCHESTRATOR": "cron"})


def test_what_the_template_gives_a_lambda_is_named_when_it_is_missing():
    environ = {"STATE_MACHINE_ARN": "arn:1", "TOPIC_ARN": "arn:2"}
    assert (settings.state_machine_arn(environ), settings.topic_arn(environ)) == ("arn:1", "arn:2")
    with pytest.raises(SettingsError, match="TOPIC_ARN is not set"):
        settings.topic_arn({"TOPIC_ARN": ""})
