"""Airflow operators, sensors and tasks of Ledgerlake, on top of the amazon provider's operators.

DAG files import the modules as `ledgerlake_airflow.<module>`. The logic is in the kernel.
"""

PLAN = "plan_batch"
WAIT = "wait_for_deliveries"
ARCHIVE = "archive_etl_files"
ACKNOWLEDGE = "acknowledge"
REPORT = "report"
CRAWL = "crawl_lakehouse"
CHECKS = "checks"
SUCCEEDED = "succeeded"
