"""### The deliveries of a day, again or at last

Run *D* is the deliveries of *D*: a delivery's date is the date in its key (`2025-04-01`, `date=2025-04-01`,
`2025/04/01`), else the UTC day on which it landed.

| run | takes |
|---|---|
| scheduled, once a day | what still waits in `raw/` for dates up to *D*: the safety net under the events |
| backfill: the form, `ledgerlake backfill`, `airflow backfill create` | *D*'s deliveries from `raw/` and `archived/` |
| by hand (*Trigger*) | what its form says: days, datasets, waiting or archived |

Processing a delivery again, by today's contracts and code, **replaces** what it made: rows that come out differently
are updated, those that now pass are inserted, those that now fail are withdrawn, its rejects are written anew. A row
from a later file is never touched, and original landing times stay. So it is safe at any time, in any order, twice,
and beside live runs: runs take turns, and one that waits for its turn says for whom.

| task | does |
|---|---|
| `plan_batch` | finds the deliveries, writes the manifest; with nothing to do the rest is skipped |
| `product_etl`, … `checks` | as in `ecommerce_lakehouse`: the same tasks |
| `acknowledge` | closes the batch, when S3 shows that it is published and archived |
| `succeeded` | does nothing; red when anything before it failed, and with it the run |
| `report` | one message to the topic: the figures, or what failed and how to go on |

A run's id carries the moment after its interval; its **day** is the UTC day of its *logical date*, and stands
beside `plan_batch` in the list of task instances. A logical date in the future is refused. A run
by hand whose form names no days is for the day of its logical date, and without a date for yesterday (UTC).

### When it fails
Nothing is lost, and nothing is loaded twice: the batch stays open, and the next run of `ecommerce_lakehouse`
goes on with it by itself.

1. See what happened: the message to the topic, `ledgerlake logs`, or the log of the red task.
2. Mend the cause.
3. Go on: clear the red task with what comes after it, or `ledgerlake backfill --from 2025-04-01 --to 2025-04-15`.

| you see | do |
|---|---|
| `plan_batch` failed with *expected …* | the form was refused: start another run |
| a task is *up for reschedule* | it waits for its turn; its log says for whom, and until when |
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
    description="Sweeps up what still waits, and processes the deliveries of any days again.",
    doc_md=documented(
        __doc__, SETTINGS, "its own sweep takes what waits, so scheduled runs end at once. Backfills go on."
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
    told = report().as_teardown()

    plan >> work
    ending(work, closed, told)
