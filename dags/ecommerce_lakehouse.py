"""Load delivered files into checked Delta tables, and report what became of every row.

A file that lands in `raw/` starts a run of this DAG. The run makes a batch of all waiting files, loads it by one
Glue job per dataset, archives the files, checks the tables, and publishes one notification.

| task | does |
|---|---|
| `wait_for_deliveries` | waits for a message, and continues without one after a timeout |
| `plan_batch` | lists `raw/` once no more files arrive, writes the manifest; skips the rest if nothing is to do |
| `product_etl`, `orders_etl`, `order_items_etl` | validate, deduplicate, merge; parents before children |
| `archive_etl_files` | moves the batch's files from `raw/` to `archived/`, each copy verified |
| `crawl_lakehouse` | is skipped, unless a table is new or its columns have changed |
| `checks` | fail with the offending keys; are skipped when an earlier run has reported them |
| `acknowledge` | deletes the messages and closes the batch, once S3 shows that it is published and archived |
| `succeeded` | does nothing; fails when a task before it failed, and with it the run |
| `report` | publishes one notification: the figures, or the failure and the next step |

One run is always active and waits. A run that finds nothing to do, or a closed gate, succeeds without a
notification, except for files outside every dataset's folder, which are reported once.
*Trigger* starts a run that does not wait: within half a minute the waiting run ends, and the triggered one begins.
`ledgerlake run --wait` does the same by a message, and waits for the end. A *logical date* has no effect on this
DAG, and one in the future is rejected.

### When it fails
The notification names task, dataset, reason and log. Nothing is lost: files stay in `raw/` or are in `archived/`,
the batch stays open, and the next run resumes it as soon as the messages reappear.

1. See what happened: `ledgerlake logs`, or the log of the failed task.
2. Fix the cause. An error says what was seen, what was expected, and what to do.
3. Wait for the next run, or resume at once: `ledgerlake run --wait`.

| you see | do |
|---|---|
| a failed Glue job | its error is the last line of the task's log; all of its output: `ledgerlake logs` |
| a failed check | its batch is closed all the same; the keys are in its error, its SQL under *Rendered Templates* |
| rejected rows | this is no failure: `ledgerlake rejects orders` shows each with all its reasons |
| a task is *up for reschedule* | it waits for the lease and continues automatically; its log names holder and expiry |
| … and that run is dead | `ledgerlake lease show`, then `ledgerlake lease release` |
| a batch is in quarantine | too many rows were rejected: `ledgerlake accept BATCH` or `ledgerlake drop BATCH` |
| the wait failed: both consume the queue | choose one: `ledgerlake orchestrator use airflow` |
| nothing happens | is the DAG paused? `ledgerlake status`; what waits: `ledgerlake wait` |
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Param

from ledgerlake import names, settings
from ledgerlake_airflow import WAIT
from ledgerlake_airflow.acknowledge import acknowledge
from ledgerlake_airflow.orchestrator import consumes_queue, documented
from ledgerlake_airflow.pipeline import ending, pipeline, task_defaults
from ledgerlake_airflow.planning import plan_batch
from ledgerlake_airflow.report import report
from ledgerlake_airflow.sensor import WaitForDeliveries
from ledgerlake_airflow.timetables import Always, OnRequest

SETTINGS = settings.current()

with DAG(
    names.LIVE_DAG,
    description="Loads what is delivered to raw/ into checked tables, and accounts for every row.",
    doc_md=documented(__doc__, SETTINGS, "this DAG has no schedule, since both would take messages from each other."),
    schedule=Always() if consumes_queue(SETTINGS) else OnRequest(),
    start_date=pendulum.datetime(2025, 4, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["ledgerlake", "lakehouse", "e-commerce"],
    params={
        "reason": Param(
            "",
            type=["null", "string"],
            title="Why",
            description="Shown in the report of a run started by hand. It begins within half a minute: the run that "
            "waits ends; one at work finishes first. From a terminal: ledgerlake run --wait",
        ),
        "crawl": Param(
            False, type="boolean", title="Run the crawler", description="Also when the catalogue is up to date."
        ),
    },
    default_args=task_defaults(SETTINGS),
) as dag:
    wait = WaitForDeliveries(task_id=WAIT, settings=SETTINGS)
    plan = plan_batch()
    work = pipeline(SETTINGS)
    acknowledged = acknowledge()
    reported = report().as_teardown()

    wait >> plan >> work
    ending(work, acknowledged, reported)
