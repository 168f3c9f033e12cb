"""Airflow plugin that registers the timetables in every process, since stored DAGs refer to them."""

from airflow.plugins_manager import AirflowPlugin

from ledgerlake_airflow.timetables import Always, EveryDay, OnRequest


class LedgerlakePlugin(AirflowPlugin):
    """Register the timetables."""

    name = "ledgerlake"
    timetables = [Always, EveryDay, OnRequest]  # noqa: RUF012, Airflow reads a list
