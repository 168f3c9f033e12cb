"""What Ledgerlake adds to the amazon provider's operators: what a run decides, never how AWS is called.

The modules are imported by DAG files as `ledgerlake_airflow.<module>`; the logic is the kernel's.
"""

PLAN = "plan_batch"
WAIT = "wait_for_deliveries"
ARCHIVE = "archive_etl_files"
ACKNOWLEDGE = "acknowledge"
REPORT = "report"
CRAWL = "crawl_lakehouse"
CHECKS = "checks"
SUCCEEDED = "succeeded"
