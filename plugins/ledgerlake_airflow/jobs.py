"""Operators that run the Glue job of a dataset and the archive Lambda."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any, NoReturn

from airflow.providers.amazon.aws.operators.glue import GlueJobOperator
from airflow.providers.amazon.aws.operators.lambda_function import LambdaInvokeFunctionOperator
from airflow.providers.amazon.aws.triggers.glue import GlueJobCompleteTrigger
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from botocore.exceptions import BotoCoreError, ClientError

from ledgerlake import names
from ledgerlake.contracts import Dataset
from ledgerlake.display import display_text
from ledgerlake.errors import LedgerlakeError, NotPublished, QualityError
from ledgerlake.reporting import failures
from ledgerlake.reporting.run_facts import missing_files
from ledgerlake.settings import Settings
from ledgerlake_airflow import PLAN, glue_runs
from ledgerlake_airflow.aws import pause_of
from ledgerlake_airflow.failure import trigger_error
from ledgerlake_airflow.lease_wait import acquire_or_reschedule, reschedule
from ledgerlake_airflow.plans import planned

BATCH_ID = "{{ (ti.xcom_pull(task_ids='" + PLAN + "') or {}).get('batch_id') }}"
LAMBDA_SECONDS = 900  # the longest that a Lambda runs
_BUSY = "ConcurrentRunsExceededException"


class JobFailed(AirflowException):
    """A Glue job did not succeed; the message holds its state and error."""


class JobOverdue(AirflowFailException):
    """A Glue run exceeds its time limit; not retried, since Glue rejects a concurrent run."""


class BatchQuarantined(AirflowFailException):
    """The job has put the batch into quarantine; not retried, since it needs manual review."""


class ArchiveFailed(AirflowException):
    """ArchiveETLFiles raised an error; the message holds it."""


class NotEvident(AirflowFailException):
    """The archive found no evidence that the batch is published; not retried, since a retry finds none either."""


def longest_watch(settings: Settings) -> timedelta:
    """Return how long a run of a job is watched: the timeout of Glue and two more polls."""
    return timedelta(seconds=60 * settings.job_timeout_minutes + 2 * pause_of(settings))


class DatasetJob(GlueJobOperator):
    """Run the Glue job of `dataset` for the batch; skipped when the batch has no work for it.

    The job belongs to the infrastructure and is only started here. It continues when Airflow dies, and its outcome
    is read from Glue: a retry or a resumed batch watches the run that is still at work on the batch, and a retry
    starts none when the run before it has succeeded and published.
    """

    def __init__(self, *, dataset: Dataset, settings: Settings, **kwargs: Any) -> None:
        """Make the operator of the dataset's job, whose name is the id of the task."""
        pause, longest = pause_of(settings), longest_watch(settings)
        super().__init__(
            task_id=dataset.job,
            job_name=dataset.job,
            script_args={"--batch_id": BATCH_ID},
            deferrable=True,
            waiter_delay=pause,  # type: ignore[arg-type]  # seconds for sleep, which takes fractions
            waiter_max_attempts=ceil(longest.total_seconds() / pause) + 1,
            execution_timeout=longest,
            verbose=False,
            update_config=False,
            **kwargs,
        )
        self.dataset_name = dataset.name
        self.longest = longest

    def execute(self, context: Context) -> Any:
        """Start the job, or watch its run that is at work on the batch."""
        plan = planned(context["ti"])
        if self.dataset_name not in plan["datasets"]:
            raise AirflowSkipException(f"no delivery of {self.dataset_name}, nor of its parents, is in the batch")
        acquire_or_reschedule(context)
        earlier = glue_runs.of_batch(self.hook.conn, self.job_name, plan["batch_id"])
        if earlier and glue_runs.at_work(earlier):
            self._watch(context, earlier)
        if earlier and _is_retry(context["ti"], self.retries or 0) and self._succeeded(context, earlier):
            return earlier["Id"]
        try:
            return super().execute(context)
        except ClientError as error:
            if error.response["Error"]["Code"] != _BUSY:
                raise
            reschedule(f"an unwatched run of {self.job_name} has to end first")

    def defer(self, **kwargs: Any) -> NoReturn:
        """Defer the task for no longer than a run can take, also when its trigger is lost."""
        super().defer(**{"timeout": self.longest, **kwargs})

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Return the run id, or resolve an error of the watch from the state of the run in Glue."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowException as error:
            return self._resolve_from_glue(context, trigger_error(next_kwargs) or str(error), error)

    def _resolve_from_glue(self, context: Context, lost: str, error: AirflowException) -> Any:
        """Return the run id if the run has succeeded in spite of the error, watch it again, or raise its own error.

        Args:
            lost: the reason for which the watch ended.

        Raises:
            TaskDeferred: the run is still at work.
            JobFailed, JobOverdue, BatchQuarantined: it failed, cannot be found, or does not end.
        """
        run_id = context["ti"].xcom_pull(task_ids=self.task_id, key="glue_job_run_id")
        try:
            run = glue_runs.by_id(self.hook.conn, self.job_name, run_id)
        except (BotoCoreError, ClientError):
            raise JobFailed(_unknown(self.job_name, run_id, lost)) from error
        if glue_runs.at_work(run):
            self._watch(context, run)
        if self._succeeded(context, run):
            return run_id
        happened = failures.job_reason(self.job_name, run, run_id, f"the wait for it ended with: {lost}")
        raise (BatchQuarantined if QualityError.__name__ in happened else JobFailed)(happened) from error

    def _watch(self, context: Context, run: glue_runs.GlueRun) -> NoReturn:
        """Watch a run that was started before, for the rest of its time limit.

        Raises:
            TaskDeferred: the run is within its time limit.
            JobOverdue: it exceeds its time limit.
        """
        left = run["StartedOn"] + self.longest - datetime.now(UTC)
        if left <= timedelta(0):
            raise JobOverdue(_overdue(self.job_name, run, self.longest))
        self.log.info("Glue run %s of %s is %s: watching it.", run["Id"], self.job_name, run["JobRunState"])
        context["ti"].xcom_push(key="glue_job_run_id", value=run["Id"])
        trigger = GlueJobCompleteTrigger(
            job_name=self.job_name,
            run_id=run["Id"],
            aws_conn_id=self.aws_conn_id,
            region_name=self.region_name,
            waiter_delay=self.waiter_delay,
            waiter_max_attempts=self.waiter_max_attempts,
        )
        self.defer(trigger=trigger, method_name="execute_complete", timeout=left)

    def _succeeded(self, context: Context, run: glue_runs.GlueRun) -> bool:
        """Return whether the run has succeeded and its output is published."""
        if run["JobRunState"] != glue_runs.SUCCEEDED:
            return False
        lacks = glue_runs.unpublished(context["ti"].xcom_pull(task_ids=PLAN)["batch_id"], self.dataset_name)
        if not lacks:
            context["ti"].xcom_push(key="glue_job_run_id", value=run["Id"])
            self.log.info("Glue run %s of %s SUCCEEDED, and its output is published.", run["Id"], self.job_name)
            return True
        self.log.warning("Glue run %s of %s SUCCEEDED, but %s.", run["Id"], self.job_name, lacks)
        return False


def _is_retry(ti: Any, retries: int) -> bool:
    """Return whether an earlier try of the task was lost; False when somebody cleared the task to run it again."""
    return bool(ti.try_number > ti.max_tries - retries + 1)


def _unknown(job: str, run_id: str | None, lost: str) -> str:
    error = LedgerlakeError(
        f"{job} run {run_id}: {lost}; its state in Glue is unknown",
        remedy="a retry reads it again, and starts a new run if there is none",
    )
    return str(error)


def _overdue(job: str, run: glue_runs.GlueRun, longest: timedelta) -> str:
    error = LedgerlakeError(
        f"Glue run {run['Id']} of {job} is {run['JobRunState']} since {run['StartedOn']:%Y-%m-%d %H:%M:%S} UTC",
        expected=f"Glue to have ended it within {longest.total_seconds() / 60:.0f} minutes (job_timeout_minutes)",
        remedy=f"stop it: aws glue batch-stop-job-run --job-name {job} --job-run-ids {run['Id']}; then "
        "ledgerlake run --wait, which resumes the batch",
    )
    return str(error)


class ArchiveFiles(LambdaInvokeFunctionOperator):
    """Invoke ArchiveETLFiles, which moves the batch's files to archived/, and raise its error as the task's."""

    def __init__(self, **kwargs: Any) -> None:
        """Make the operator of the Lambda."""
        super().__init__(
            function_name=names.ARCHIVE_FUNCTION,
            payload='{"batch_id": "' + BATCH_ID + '"}',
            # One call and no implicit retry, since the task has its own retries.
            botocore_config={
                "read_timeout": LAMBDA_SECONDS + 30,
                "retries": {"total_max_attempts": 1},
                "tcp_keepalive": True,
            },
            **kwargs,
        )

    def execute(self, context: Context) -> Any:
        """Invoke the Lambda under the lease, and log what it archived."""
        planned(context["ti"])
        acquire_or_reschedule(context)
        try:
            response = json.loads(super().execute(context))
        except ValueError as error:
            happened = _lambda_error(error)
            kind = NotEvident if NotPublished.__name__ in happened else ArchiveFailed
            raise kind(happened) from error
        self.log.info("%s files archived, %s were there already.", response["archived"], response["already_there"])
        gone = missing_files(response)
        for key in gone["missing"]:
            self.log.warning("%s was deleted after the plan and before it was archived.", display_text(key))
        if gone["missing_count"] > len(gone["missing"]):
            self.log.warning("In all, %s files were deleted before they were archived.", gone["missing_count"])
        return response


def _lambda_error(error: ValueError) -> str:
    """Return `ErrorType: message` from the provider's error for a FunctionError."""
    details = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], dict) else {}
    try:
        return failures.lambda_reason(names.ARCHIVE_FUNCTION, json.loads(details["Payload"]))
    except (KeyError, TypeError, ValueError):
        return f"{names.ARCHIVE_FUNCTION}: {error}"
