"""### From delivered files to checked tables

A file that lands in `raw/` wakes this DAG. It makes a batch of what waits, loads it into Delta tables by one
Glue job per dataset, archives the files, checks the tables, and tells people what became of every row.

| task | does |
|---|---|
| `wait_for_deliveries` | waits for a message; after a while without one it looks anyway |
| `plan_batch` | lists `raw/` once it is quiet, writes the manifest; when there is nothing to do the rest is skipped |
| `product_etl`, `orders_etl`, `order_items_etl` | validate, deduplicate, merge; parents before children |
| `archive_etl_files` | moves the batch's files from `raw/` to `archived/`, each copy verified |
| `crawl_lakehouse` | skipped, unless a table is new or its columns have changed |
| `checks` | fail with the offending keys; skipped when an earlier run has told of them |
| `acknowledge` | deletes the messages and closes the batch, when S3 shows that it is published and archived |
| `succeeded` | does nothing; red when anything before it failed, and with it the run |
| `report` | one message to the topic: the figures, or what failed and how to go on |

One run is always active, waiting. A run that finds nothing to do, or a closed gate, ends green and tells nobody,
but for files outside every dataset's folder, of which it tells once.
*Trigger* makes it look at once: within half a minute the run that waits ends, and the triggered one begins, which
does not wait; `ledgerlake run --wait` does the same by a message, and waits for the end. A *logical date* means
nothing to this DAG, and one in the future is refused.

### When it fails
The message to the topic names task, dataset, reason and log. Nothing is lost: files stay in `raw/` or are in
`archived/`, the batch stays open, and the next run goes on with it as soon as the messages come back.

1. See what happened: `ledgerlake logs`, or the log of the red task.
2. Mend the cause. An error says what was seen, what was expected, and what to do.
3. Wait for the next run, or go on at once: `ledgerlake run --wait`.

| you see | do |
|---|---|
| a red Glue job | its error is the last line of the task's log; all of its output: `ledgerlake logs` |
| a red check | its batch is closed all the same; the keys are in its error, its SQL under *Rendered Templates* |
| rejected rows | no failure: `ledgerlake rejects orders` shows each with all its reasons |
| a task is *up for reschedule* | it waits for its turn and goes on by itself; its log says for whom, and until when |
| … and that run is dead | `ledgerlake lease show`, then `ledgerlake lease release` |
| a batch is in quarantine | too many rows were rejected: `ledgerlake accept BATCH` or `ledgerlake drop BATCH` |
| the wait failed: both consume the queue | say who is to: `ledgerlake orchestrator use airflow` |
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
    doc_md=documented(__doc__, SETTINGS, "this DAG has no schedule, or both would take messages from each other."),
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
            "waits ends for it; one at work is let finish. From a terminal: ledgerlake run --wait",
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
    told = report().as_teardown()

    wait >> plan >> work
    ending(work, acknowledged, told)
