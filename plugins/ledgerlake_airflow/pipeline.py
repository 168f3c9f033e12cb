"""Tasks common to both DAGs: jobs, archive, crawler and checks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import TaskGroup, TriggerRule

from ledgerlake.contracts import DATASETS
from ledgerlake.settings import Settings
from ledgerlake.tables.checks import checks
from ledgerlake_airflow import ARCHIVE, CHECKS, CRAWL, SUCCEEDED
from ledgerlake_airflow.athena import AthenaCheckOperator
from ledgerlake_airflow.crawl import CrawlWhenChanged
from ledgerlake_airflow.failure import push_failure
from ledgerlake_airflow.jobs import ArchiveFiles, DatasetJob


def task_defaults(settings: Settings) -> dict[str, Any]:
    """Return the `default_args` of a DAG that runs the pipeline."""
    return {
        "owner": "data-platform",
        "retries": settings.task_retries,
        "retry_delay": timedelta(seconds=settings.retry_delay_seconds),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=15),
        "execution_timeout": timedelta(minutes=20),
        "on_failure_callback": push_failure,
    }


def pipeline(settings: Settings) -> TaskGroup:
    """Return the tasks between the plan of a batch and its end, for the DAG that is being defined.

    Their ids are the same in every DAG, since the group does not prefix them.
    """
    with TaskGroup("pipeline", prefix_group_id=False, tooltip="The tasks of every batch") as group:
        jobs = _jobs(settings)
        archive = ArchiveFiles(task_id=ARCHIVE, trigger_rule=TriggerRule.NONE_FAILED)
        crawl = CrawlWhenChanged(task_id=CRAWL, settings=settings)
        with TaskGroup(CHECKS, tooltip="Athena: what must hold after every batch") as all_checks:
            for check in checks():
                AthenaCheckOperator(check=check, settings=settings, trigger_rule=TriggerRule.NONE_FAILED)
        [job for job in jobs if not job.downstream_task_ids] >> archive >> crawl >> all_checks
    return group


def ending(work: TaskGroup, acknowledged: Any, reported: Any) -> None:
    """Append the end of a run to the pipeline: acknowledge, then report, whatever happened before.

    `succeeded` does nothing, but decides the state of the run: it fails when a task before it failed, although the
    batch is closed all the same.
    """
    succeeded = EmptyOperator(task_id=SUCCEEDED, trigger_rule=TriggerRule.NONE_FAILED)
    work >> acknowledged >> succeeded >> reported
    acknowledged >> reported
    for task in work.iter_tasks():
        task >> succeeded
        task >> reported  # the report also waits for tasks that still run when another has failed


def _jobs(settings: Settings) -> list[DatasetJob]:
    """Return one job per dataset, parents before their children."""
    jobs: dict[str, DatasetJob] = {}
    for name, dataset in DATASETS.items():
        jobs[name] = DatasetJob(dataset=dataset, settings=settings, trigger_rule=TriggerRule.NONE_FAILED)
        for reference in dataset.references:
            jobs[reference.dataset] >> jobs[name]
    return list(jobs.values())
