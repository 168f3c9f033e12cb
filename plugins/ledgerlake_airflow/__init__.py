"""What Ledgerlake adds to the amazon provider's operators: what a run decides, never how AWS is called.

The modules are imported by DAG files as `ledgerlake_airflow.<module>`; the logic is the kernel's.
"""

from ledgerlake import places

PLAN = "plan_batch"
WAIT = "wait_for_deliveries"
ACKNOWLEDGE = "acknowledge"
REPORT = "report"

HOLDER = f"airflow:{places.LIVE_DAG}"
"""Who holds the lease while a run of the DAG is at work; one run is active at a time."""
