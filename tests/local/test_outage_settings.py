"""The local lake has the timeouts that follow from its `outage_seconds`."""

from __future__ import annotations

from ledgerlake.outages import airflow_options
from ledgerlake.settings import Settings
from local.airflow import settings


def variables(outage: int) -> dict[str, str]:
    options = airflow_options(Settings(outage_seconds=outage))
    return {f"AIRFLOW__{name.replace('.', '__').upper()}": value for name, value in options.items()}


def test_the_file_that_compose_reads_has_those_of_the_default():
    configured = settings.behaviour()
    assert {name: configured[name] for name in variables(300)} == variables(300)


def test_a_lake_with_another_outage_has_all_of_them_scaled(home, monkeypatch):
    monkeypatch.setenv("LEDGERLAKE_OUTAGE_SECONDS", "30")
    environ = settings.environment(home, "postgresql://")
    assert {name: environ[name] for name in variables(30)} == variables(30)
    assert environ["LEDGERLAKE_OUTAGE_SECONDS"] == "30", "the kernel in its tasks sees the same"
