"""What Airflow has to know of us in every process: the timetables that the DAGs are stored with."""

from airflow.plugins_manager import AirflowPlugin

from ledgerlake_airflow.timetables import Always, EveryDay, OnRequest


class LedgerlakePlugin(AirflowPlugin):
    """Register the timetables."""

    name = "ledgerlake"
    timetables = [Always, EveryDay, OnRequest]  # noqa: RUF012, Airflow reads a list
