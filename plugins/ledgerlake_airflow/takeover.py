"""Takeover of the lease of a run that has ended, once nothing of that run is at work."""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk.exceptions import AirflowRuntimeError
from botocore.exceptions import BotoCoreError, ClientError

from ledgerlake import names
from ledgerlake.planning import lease
from ledgerlake.planning.batch import LIVE
from ledgerlake.planning.lease import Lease
from ledgerlake.runs import job_runs
from ledgerlake.runs.executions import AT_WORK, StateMachine, execution_of
from ledgerlake_airflow import WAIT
from ledgerlake_airflow.aws import client, lake

log = logging.getLogger(__name__)

_ACTIVE_RUNS = ["queued", "running"]
_ACTIVE = ["scheduled", "queued", "running", "restarting", "deferred", "up_for_retry", "up_for_reschedule"]
_BY_DATE = f"airflow:{names.BY_DATE_DAG}/"


def take_over(held: Lease, holder: str, seconds: float, ti: Any) -> bool:
    """Take over the lease if the run that holds it is over, and no Glue job is at work.

    Args:
        held: the lease as it was read. If it was renewed since, its run is alive.
        ti: the waiting task instance, through which Airflow is queried.

    Returns:
        Whether `holder` holds the lease now; also False when the state of that run is unknown.
    """
    try:
        if not is_over(held.holder, ti):
            return False
        if running := job_runs.at_work(client("glue")):
            log.info("%s has ended, but %s", held.holder, "; ".join(map(str, running)))
            return False
    except (AirflowRuntimeError, BotoCoreError, ClientError) as error:
        log.info("Whether %s is over is not known: %s", held.holder, error)
        return False
    taken = lease.take_over(client("s3"), lake().bucket, held, holder, seconds)
    if taken:
        log.warning("%s has ended without releasing the lease, which it had since %s.", held.holder, held.since)
    return taken


def is_over(holder: str, ti: Any) -> bool:
    """Return whether the holder's run has ended; False for a holder that is no run of an orchestrator."""
    if execution := execution_of(holder):
        return StateMachine(client("stepfunctions"), lake().state_machine_arn).find(execution).status not in AT_WORK
    if holder.startswith(_BY_DATE):
        runs = [holder.removeprefix(_BY_DATE)]
        return not ti.get_dr_count(dag_id=names.BY_DATE_DAG, run_ids=runs, states=_ACTIVE_RUNS)
    return holder == LIVE and _no_live_run_is_at_work(ti)


def _no_live_run_is_at_work(ti: Any) -> bool:
    """Return whether no live run is at work; one is always active, and at work once its sensor has ended."""
    if not ti.get_dr_count(dag_id=names.LIVE_DAG, states=_ACTIVE_RUNS):
        return True
    waiting = ti.get_ti_count(dag_id=names.LIVE_DAG, task_ids=[WAIT], states=_ACTIVE)
    return bool(waiting) and waiting == ti.get_ti_count(dag_id=names.LIVE_DAG, states=_ACTIVE)
