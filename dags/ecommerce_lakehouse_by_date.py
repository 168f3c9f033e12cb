"""Process the deliveries of a day, for the first time or again.

Run *D* processes the deliveries of *D*: a delivery's date is the date in its key (`2025-04-01`, `date=2025-04-01`,
`2025/04/01`), or else the UTC day on which it landed.

| run | processes |
|---|---|
| scheduled, once a day | what still waits in `raw/` for dates up to *D*: a safety net for lost events |
| backfill: the form, `ledgerlake backfill`, `airflow backfill create` | *D*'s deliveries from `raw/` and `archived/` |
| by hand (*Trigger*) | what its form says: days, datasets, waiting or archived |

Processing a delivery again, with the current contracts and code, **replaces** its earlier result: rows that come out
differently are updated, those that now pass are inserted, those that now fail are withdrawn, and its rejects are
rewritten. A row from a later file is never changed, and original landing times stay. So it is safe at any time, in
any order, twice, and beside live runs: one run at a time holds the lease, and one that waits for it names the holder.

| task | does |
|---|---|
| `plan_batch` | finds the deliveries and writes the manifest; skips the rest if there is nothing to do |
| `product_etl`, … `checks` | as in `ecommerce_lakehouse`: the same tasks |
| `acknowledge` | closes the batch, once S3 shows that it is published and archived |
| `succeeded` | does nothing; fails when a task before it failed, and with it the run |
| `report` | publishes one notification: the figures, or the failure and the next step |

A run's id carries the moment after its interval. Its **day** is the UTC day of its *logical date*, which the list of
task instances shows beside `plan_batch`. A logical date in the future is rejected. A run by hand whose form names no
days is for the day of its logical date, and without a date for yesterday (UTC).

### When it fails
Nothing is lost, and nothing is loaded twice: the batch stays open, and the next run of `ecommerce_lakehouse`
resumes it automatically.

1. See what happened: the notification, `ledgerlake logs`, or the log of the failed task.
2. Fix the cause.
3. Resume: clear the failed task with those after it, or `ledgerlake backfill --from 2025-04-01 --to 2025-04-15`.

| you see | do |
|---|---|
| `plan_batch` failed with *expected …* | the form was invalid: start another run |
| a task is *up for reschedule* | it waits for the lease; its log names the holder and the expiry |
| … and that run is dead | `ledgerlake lease show`, then `ledgerlake lease release` |
| runs are queued, none starts | the DAG is paused |
| a batch is in quarantine | too many rows were rejected: `ledgerlake accept BATCH` or `ledgerlake drop BATCH` |
| a date has no run | it is in an active backfill already, or its run exists: `--reprocess-behavior completed` |
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG

from ledgerlake import names, settings
from ledgerlake_airflow.by_date import close_batch, plan_dates
from ledgerlake_airflow.form import fields
from ledgerlake_airflow.orchestrator import documented
from ledgerlake_airflow.pipeline import ending, pipeline, task_defaults
from ledgerlake_airflow.report import report
from ledgerlake_airflow.timetables import EveryDay

SETTINGS = settings.current()

with DAG(
    names.BY_DATE_DAG,
    description="Processes what still waits, and the deliveries of any days again.",
    doc_md=documented(
        __doc__, SETTINGS, "its own sweep takes what waits, so scheduled runs end at once. Backfills still run."
    ),
    schedule=EveryDay("@daily", timezone="UTC"),
    start_date=pendulum.datetime(2025, 4, 1, tz="UTC"),
    catchup=False,
    max_active_runs=4,
    tags=["ledgerlake", "lakehouse", "e-commerce"],
    params=fields(),
    default_args=task_defaults(SETTINGS),
) as dag:
    plan = plan_dates()
    work = pipeline(SETTINGS)
    closed = close_batch()
    reported = report().as_teardown()

    plan >> work
    ending(work, closed, reported)
