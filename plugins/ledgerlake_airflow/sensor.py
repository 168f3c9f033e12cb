"""Sensor that waits for deliveries."""

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

    A timeout is neither a failure nor a skip: an event may have been lost, so the run continues without messages
    and lists raw/. Any other error of the trigger stays an error, and is retried. A run that was started by hand
    does not wait, and the waiting run ends for it, since one run is active at a time. While Step Functions consumes
    the queue, no run waits.
    """

    def __init__(self, *, settings: Settings, **kwargs: Any) -> None:
        """Make the sensor of the queue of S3 events."""
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
        """Return at once for a run by hand or a waiting message; otherwise defer to the triggerer."""
        check_single_consumer(client("lambda"))
        if context["dag_run"].run_type == "manual":
            self.log.info("This run was started by hand: it lists raw/ at once.")
            context["ti"].xcom_push(key=MESSAGES, value=[])
            return None
        self.sqs_queue = queue_url(self.hook.conn, self.sqs_queue)
        if self._received_at_once(context):
            return None
        return super().execute(context)

    def defer(self, *, trigger: Any, **kwargs: Any) -> NoReturn:
        """Defer with a trigger that gives way to a run started by hand."""
        fields = trigger.serialize()[1]
        queued = queued_runs(self.dag_id)
        super().defer(trigger=WaitForMessages(**fields, dag_id=self.dag_id, queued=queued), **kwargs)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> None:
        """Keep the messages, or end the run when another one is queued."""
        super().execute_complete(context, event)
        if (event or {}).get(GIVE_WAY):
            self.log.info("Another run of %s is queued: this one ends, and that one lists raw/.", self.dag_id)
            raise DownstreamTasksSkipped(tasks=sorted(context["task"].get_flat_relative_ids(upstream=False) - {REPORT}))

    def _received_at_once(self, context: Context) -> bool:
        """Receive messages that are there already, without the triggerer, which would cost seconds.

        Airflow 3.3 may also mistake a task that is resumed as soon as it was deferred for a lost one.
        """
        self.wait_time_seconds = 0
        try:
            return bool(self.poke(context))
        except (AirflowException, ClientError) as error:
            if not _is_over_limit(error):
                raise
            self._continue_without_messages(context, f"SQS returns no messages for now ({error})")
            return True
        finally:
            self.wait_time_seconds = LONG_POLL_SECONDS

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Continue without messages after a timeout or throttling; raise any other error of the trigger."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowSensorTimeout:
            self._continue_without_messages(context, f"no message came in {self.timeout} s")
            return None
        except TaskDeferralError as error:
            happened = trigger_error(next_kwargs) or str(error)
            if is_over_limit(happened):
                self._continue_without_messages(context, f"SQS returns no messages for now ({happened})")
                return None
            raise AirflowException(f"the wait for messages failed: {happened}") from error

    def _continue_without_messages(self, context: Context, reason: str) -> None:
        self.log.info("Listing raw/ without a message: %s.", reason)
        context["ti"].xcom_push(key=MESSAGES, value=[])


def _is_over_limit(error: BaseException) -> bool:
    """Return whether the error or its cause means throttling; the provider wraps errors of SQS into its own."""
    causes = (error, error.__cause__, error.__context__)
    return any(is_over_limit(each) for each in causes if each is not None)
