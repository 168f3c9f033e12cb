"""What the run starts: one Glue job per dataset, then the archive."""

from __future__ import annotations

import json
from math import ceil
from typing import Any

from airflow.providers.amazon.aws.operators.glue import GlueJobOperator
from airflow.providers.amazon.aws.operators.lambda_function import LambdaInvokeFunctionOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from botocore.exceptions import BotoCoreError, ClientError

from ledgerlake import failures, places
from ledgerlake.contracts import Dataset
from ledgerlake.errors import NotPublished, QualityError
from ledgerlake.settings import Settings
from ledgerlake_airflow import PLAN
from ledgerlake_airflow.aws import pause_of
from ledgerlake_airflow.failure import trigger_error
from ledgerlake_airflow.turns import take_turn, wait

BATCH_ID = "{{ ti.xcom_pull(task_ids='" + PLAN + "')['batch_id'] }}"
LAMBDA_SECONDS = 900  # the longest that a Lambda runs
_BUSY = "ConcurrentRunsExceededException"


class JobFailed(AirflowException):
    """A Glue job did not succeed; says its state and the error that it ended with."""


class BatchQuarantined(AirflowFailException):
    """The job has set the batch aside; not retried, since only a person can let it through."""


class ArchiveFailed(AirflowException):
    """ArchiveETLFiles raised an error; says which."""


class NotEvident(AirflowFailException):
    """The archive found no evidence that the batch is published; not retried, since it would find none again."""


class DatasetJob(GlueJobOperator):
    """Run the Glue job of `dataset` for the batch; skipped when the batch has no work for it.

    The job belongs to the infrastructure and is only started here. It goes on when Airflow dies: a retry
    finds it by the task's name and watches it again.
    """

    def __init__(self, *, dataset: Dataset, settings: Settings, **kwargs: Any) -> None:
        pause = pause_of(settings)
        super().__init__(
            task_id=dataset.job,
            job_name=dataset.job,
            script_args={"--batch_id": BATCH_ID},
            deferrable=True,
            waiter_delay=pause,
            waiter_max_attempts=ceil(settings.job_timeout_minutes * 120 / pause) + 60,
            resume_glue_job_on_retry=True,
            verbose=False,
            update_config=False,
            **kwargs,
        )
        self.dataset_name = dataset.name

    def execute(self, context: Context) -> Any:
        plan = context["ti"].xcom_pull(task_ids=PLAN)
        if self.dataset_name not in plan["datasets"]:
            raise AirflowSkipException(f"no delivery of {self.dataset_name}, nor of its parents, is in the batch")
        take_turn(context)
        try:
            return super().execute(context)
        except ClientError as error:
            if error.response["Error"]["Code"] != _BUSY:
                raise
            wait(f"a run of {self.job_name} that nobody watches any more has to end first")

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowException as error:
            happened = self._what_happened(context, trigger_error(next_kwargs) or str(error))
            kind = BatchQuarantined if QualityError.__name__ in happened else JobFailed
            raise kind(happened) from error

    def _what_happened(self, context: Context, error: str) -> str:
        """The job's own last words, rather than the waiter's."""
        run_id = context["ti"].xcom_pull(task_ids=self.task_id, key="glue_job_run_id")
        try:
            run = self.hook.conn.get_job_run(JobName=self.job_name, RunId=run_id)["JobRun"]
        except (BotoCoreError, ClientError):
            return f"{self.job_name} run {run_id}: {error}"
        return failures.of_job(self.job_name, run, run_id, f"the wait for it ended with: {error}")


class ArchiveFiles(LambdaInvokeFunctionOperator):
    """Have ArchiveETLFiles move the batch's files from raw/ to archived/; the Lambda's error is the task's."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            function_name=places.ARCHIVE_FUNCTION,
            payload='{"batch_id": "' + BATCH_ID + '"}',
            # One call and no silent second one: the task's retries are the retries.
            botocore_config={
                "read_timeout": LAMBDA_SECONDS + 30,
                "retries": {"total_max_attempts": 1},
                "tcp_keepalive": True,
            },
            **kwargs,
        )

    def execute(self, context: Context) -> Any:
        take_turn(context)
        try:
            answer = json.loads(super().execute(context))
        except ValueError as error:
            happened = _lambda_error(error)
            kind = NotEvident if NotPublished.__name__ in happened else ArchiveFailed
            raise kind(happened) from error
        self.log.info("%s files archived, %s were there already.", answer["archived"], answer["already_there"])
        for key in answer.get("missing", ()):
            self.log.warning("%s was deleted between the plan and its turn: nothing of it is archived.", key)
        return answer


def _lambda_error(error: ValueError) -> str:
    """`ErrorType: message`, out of what the provider's operator raises for a FunctionError."""
    details = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], dict) else {}
    try:
        return failures.of_lambda(places.ARCHIVE_FUNCTION, json.loads(details["Payload"]))
    except (KeyError, TypeError, ValueError):
        return f"{places.ARCHIVE_FUNCTION}: {error}"
