"""Airflow without a database or a server, on an AWS in memory; the tests never leave the process."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from copy import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "123456789012"  # moto's

os.environ.update(
    AIRFLOW_HOME=tempfile.mkdtemp(prefix="ledgerlake-airflow-"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(ROOT / "plugins"),
    AIRFLOW__API__BASE_URL="http://airflow.test",
    AIRFLOW_CONN_AWS_DEFAULT="aws://",
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_DEFAULT_REGION="us-east-1",
    LEDGERLAKE_ENVIRONMENT="local",
    LEDGERLAKE_ACCOUNT=ACCOUNT,
    LEDGERLAKE_SETTLE_SECONDS="0",
)
os.environ.pop("AWS_ENDPOINT_URL", None)
sys.path[:0] = [str(ROOT / "dags"), str(ROOT / "plugins"), str(ROOT / "tests")]

import boto3  # noqa: E402
import pytest  # noqa: E402
from moto import mock_aws  # noqa: E402
from published import publish  # noqa: E402

from ledgerlake import keys, names  # noqa: E402
from ledgerlake.planning import batch  # noqa: E402
from ledgerlake_airflow import aws  # noqa: E402


class Aws:
    """The lake's AWS in memory, and short words for what tests do with it."""

    def __init__(self) -> None:
        self.s3, self.sqs, self.sns = (boto3.client(name) for name in ("s3", "sqs", "sns"))
        self.glue = boto3.client("glue")
        self.bucket = aws.lake().bucket
        self.s3.create_bucket(Bucket=self.bucket)
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        self.queue_url = self.sqs.create_queue(QueueName=names.QUEUE)["QueueUrl"]
        topic = self.sns.create_topic(Name=names.TOPIC)["TopicArn"]
        self._notifications = self.sqs.create_queue(QueueName="notifications")["QueueUrl"]
        arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:notifications"
        self.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})

    def deliver(self, *keys: str) -> None:
        self.put(*keys)
        for key in keys:
            self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=key)

    def put(self, *keys: str) -> None:
        """Deliver files whose events are lost."""
        for key in keys:
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=b"id\n1\n")

    def publish(self, batch_id: str) -> None:
        """Let the batch be published and archived, as jobs and archive leave it."""
        planned = batch.load(self.s3, self.bucket, batch_id)
        publish(self.s3, self.bucket, planned)
        for name in planned.datasets:
            self.load(name)
        for each in planned.deliveries:
            self.s3.delete_object(Bucket=self.bucket, Key=each.key, VersionId=each.version_id)

    def load(self, dataset: str) -> None:
        """Let the dataset's table be there."""
        self.s3.put_object(Bucket=self.bucket, Key=f"{keys.table_prefix(dataset)}_delta_log/0.json", Body=b"{}")

    def receive(self, visibility: int = 600) -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(
            QueueUrl=self.queue_url, MaxNumberOfMessages=10, VisibilityTimeout=visibility, WaitTimeSeconds=0
        )
        return answer.get("Messages", [])

    def hidden(self) -> int:
        return self._count("ApproximateNumberOfMessagesNotVisible")

    def visible(self) -> int:
        return self._count("ApproximateNumberOfMessages")

    def notifications(self) -> list[str]:
        answer = self.sqs.receive_message(QueueUrl=self._notifications, MaxNumberOfMessages=10)
        return [message["Body"] for message in answer.get("Messages", [])]

    def _count(self, name: str) -> int:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=[name])
        return int(answer["Attributes"][name])


class TaskInstance:
    """What tasks see of Airflow: XComs that outlive them, and the states of the others."""

    def __init__(self, run: Run, task_id: str) -> None:
        self.task_id, self.dag_id = task_id, run.dag.dag_id
        self.xcoms, self.states, self.earlier, self.others = run.xcoms, run.states, run.earlier, run.others
        self.try_number, self.max_tries = run.try_number, run.max_tries
        self.runs = run.runs
        self.log_url = f"http://airflow.test/dags/{self.dag_id}/runs/manual__1/tasks/{task_id}?try_number=1"

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[self.task_id, key] = value

    def xcom_pull(self, task_ids: str, key: str = "return_value") -> Any:
        return self.xcoms.get((task_ids, key))

    def get_task_states(self, dag_id: str, run_ids: list[str]) -> dict[str, Any]:
        return {run_ids[0]: self.states}

    def get_ti_count(self, dag_id: str, states: list[str], task_ids: list[str] | None = None) -> int:
        return sum(
            dag == dag_id and (task_ids is None or task_id in task_ids) and state in states
            for dag, task_id, state in self.others
        )

    def get_dr_count(self, dag_id: str, states: list[str], run_ids: list[str] | None = None) -> int:
        return sum(
            dag == dag_id and (run_ids is None or run_id in run_ids) and state in states
            for dag, run_id, state in self.runs
        )

    def get_previous_dagrun(self, state: str | None = None) -> Any:
        return next((run for run in self.earlier if state in (None, run.state)), None)


class Run:
    """One DAG run, task by task; `of` is the context that a task gets."""

    def __init__(self, dag: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.dag, self.monkeypatch = dag, monkeypatch
        self.xcoms: dict[tuple[str, str], Any] = {}
        self.states: dict[str, str] = {}
        self.params: dict[str, Any] = dag.params.dump()
        self.run_type, self.run_id = "scheduled", "manual__1"
        self.day: datetime | None = None  # of a run by date
        self.conf: dict[str, Any] = {}
        self.began = datetime.now(UTC)
        self.earlier: list[Any] = []  # runs, newest first
        self.others: list[tuple[str, str, str]] = []  # tasks of other runs: DAG, task, state
        self.try_number, self.max_tries = 1, 2  # of its task
        self.runs: list[tuple[str, str, str]] = [(names.LIVE_DAG, "active", "running")]  # DAG, run, state
        self.reschedules = 0  # how often its task has waited already

    def of(self, task_id: str) -> dict[str, Any]:
        return {
            "ti": TaskInstance(self, task_id),
            "task": copy(self.dag.get_task(task_id)),  # one of its own, as in a process of its own
            "dag": self.dag,
            "dag_run": SimpleNamespace(
                dag_id=self.dag.dag_id,
                run_id=self.run_id,
                run_type=self.run_type,
                conf=self.conf,
                logical_date=self.day,
                data_interval_start=self.day,
                run_after=(self.day or self.began) + timedelta(days=1),
                start_date=self.began,
            ),
            "params": self.params,
            "task_reschedule_count": self.reschedules,
        }

    def request(self, **conf: Any) -> None:
        """What the form, or a conf, gives the run."""
        self.conf |= conf
        self.params |= conf

    def woken_by(self, messages: list[dict[str, Any]]) -> None:
        self.xcoms["wait_for_deliveries", "messages"] = messages

    def call(self, task_id: str) -> Any:
        """Run a task that is a function, and keep what it returns as Airflow would."""
        context = self.of(task_id)
        for module in ("planning", "by_date", "acknowledge", "report"):
            self.monkeypatch.setattr(f"ledgerlake_airflow.{module}.get_current_context", lambda: context)
        returned = self.dag.get_task(task_id).python_callable()
        if returned is not None:
            self.xcoms[task_id, "return_value"] = returned
        return returned


@pytest.fixture(scope="session")
def bag() -> Any:
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(ROOT / "dags"))


@pytest.fixture
def dag(bag: Any) -> Any:
    assert bag.import_errors == {}
    return bag.dags[names.LIVE_DAG]


@pytest.fixture
def by_date_dag(bag: Any) -> Any:
    assert bag.import_errors == {}
    return bag.dags[names.BY_DATE_DAG]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """An empty lake, in which a delivery is planned in the second in which it landed."""
    for module in ("batch", "by_date"):
        monkeypatch.setattr(f"ledgerlake.planning.{module}.is_final", lambda *_: True)
    monkeypatch.setattr("ledgerlake_airflow.sensor.queued_runs", lambda _: 0)  # there is no Airflow to ask
    aws.client.cache_clear()
    aws.quick.cache_clear()
    with mock_aws():
        yield Aws()


@pytest.fixture
def new_run(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Run]:
    """`new_run(dag)` begins a run."""
    return lambda dag: Run(dag, monkeypatch)


@pytest.fixture
def run(dag: Any, new_run: Callable[[Any], Run]) -> Run:
    return new_run(dag)


@pytest.fixture
def by_date(by_date_dag: Any, new_run: Callable[[Any], Run]) -> Run:
    """A backfill's run for 2025-04-01."""
    run = new_run(by_date_dag)
    run.run_type, run.run_id = "backfill", "backfill__2025-04-02T00:00:00+00:00"
    run.day = datetime(2025, 4, 1, tzinfo=UTC)
    return run
