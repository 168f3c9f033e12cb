"""The sensor that a delivery wakes."""

from __future__ import annotations

from typing import Any, NoReturn

from airflow.providers.amazon.aws.sensors.sqs import SqsSensor
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowSensorTimeout, DownstreamTasksSkipped, TaskDeferralError
from botocore.exceptions import ClientError

from ledgerlake import names
from ledgerlake.settings import Settings
from ledgerlake_airflow import REPORT
from ledgerlake_airflow.aws import client
from ledgerlake_airflow.failure import trigger_error
from ledgerlake_airflow.messages import AT_ONCE, is_over_limit, queue_url
from ledgerlake_airflow.orchestrator import check_single_consumer
from ledgerlake_airflow.trigger import GIVE_WAY, WaitForMessages, queued_runs

MESSAGES = "messages"
LONG_POLL_SECONDS = 20  # the longest that SQS allows


class WaitForDeliveries(SqsSensor):
    """Wait in the triggerer for the first message of the queue, and never delete one.

    A timeout is neither a failure nor a skip: an event may have been lost, so the run goes on without
    messages and looks into raw/. Any other error of the trigger stays an error, and is retried. A run
    that a person started does not wait at all, and one that waits ends for it: one run is active at a time.
    While Step Functions consumes the queue, no run waits.
    """

    def __init__(self, *, settings: Settings, **kwargs: Any) -> None:
        super().__init__(
            sqs_queue=names.QUEUE,
            max_messages=AT_ONCE,
            wait_time_seconds=LONG_POLL_SECONDS,
            poke_interval=1,
            visibility_timeout=settings.visibility_seconds,
            timeout=settings.sensor_timeout_seconds,
            delete_message_on_reception=False,
            deferrable=True,
            **kwargs,
        )

    def execute(self, context: Context) -> Any:
        check_single_consumer(client("lambda"))
        if context["dag_run"].run_type == "manual":
            self.log.info("Somebody started this run: it looks into raw/ at once.")
            context["ti"].xcom_push(key=MESSAGES, value=[])
            return None
        self.sqs_queue = queue_url(self.hook.conn, self.sqs_queue)
        if self._received_at_once(context):
            return None
        return super().execute(context)

    def defer(self, *, trigger: Any, **kwargs: Any) -> NoReturn:
        """Defer with a trigger that gives way to a run that somebody starts by hand."""
        fields = trigger.serialize()[1]
        queued = queued_runs(self.dag_id)
        super().defer(trigger=WaitForMessages(**fields, dag_id=self.dag_id, queued=queued), **kwargs)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> None:
        super().execute_complete(context, event)
        if (event or {}).get(GIVE_WAY):
            self.log.info("Another run of %s is queued: this one ends, and that one looks into raw/.", self.dag_id)
            raise DownstreamTasksSkipped(tasks=sorted(context["task"].get_flat_relative_ids(upstream=False) - {REPORT}))

    def _received_at_once(self, context: Context) -> bool:
        """Messages that are there already need no triggerer; going through it would cost seconds.

        It would also be a risk: Airflow 3.3 may take a task that is resumed as soon as it was deferred for a lost one.
        """
        self.wait_time_seconds = 0
        try:
            return bool(self.poke(context))
        except (AirflowException, ClientError) as error:
            if not _is_over_limit(error):
                raise
            self._continue_without_messages(context, f"SQS gives no messages for now ({error})")
            return True
        finally:
            self.wait_time_seconds = LONG_POLL_SECONDS

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowSensorTimeout:
            self._continue_without_messages(context, f"no message came in {self.timeout} s")
            return None
        except TaskDeferralError as error:
            happened = trigger_error(next_kwargs) or str(error)
            if is_over_limit(happened):
                self._continue_without_messages(context, f"SQS gives no messages for now ({happened})")
                return None
            raise AirflowException(f"the wait for messages failed: {happened}") from error

    def _continue_without_messages(self, context: Context, why: str) -> None:
        self.log.info("Looking into raw/ without a message: %s.", why)
        context["ti"].xcom_push(key=MESSAGES, value=[])


def _is_over_limit(error: BaseException) -> bool:
    """The provider wraps the error of SQS into one of Airflow."""
    causes = (error, error.__cause__, error.__context__)
    return any(is_over_limit(each) for each in causes if each is not None)
