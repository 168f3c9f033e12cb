"""One orchestrator consumes the queue: what Airflow leaves to Step Functions, and refuses to share with it."""

from __future__ import annotations

import importlib.util
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, DownstreamTasksSkipped
from airflow.serialization.serialized_objects import DagSerialization
from botocore.exceptions import ClientError, EndpointConnectionError

from ledgerlake import names, settings
from ledgerlake.contracts import DATASETS
from ledgerlake.planning import batch, lease
from ledgerlake_airflow import orchestrator, sensor
from ledgerlake_airflow.failure import push_failure

from .conftest import ROOT

QUEUE_ARN = f"arn:aws:sqs:us-east-1:123456789012:{names.QUEUE}"


@pytest.fixture
def step_functions(monkeypatch):
    """Airflow as it is configured while Step Functions consumes the queue."""
    monkeypatch.setenv("LEDGERLAKE_ORCHESTRATOR", "step_functions")
    settings.current.cache_clear()
    yield
    monkeypatch.undo()
    settings.current.cache_clear()


def parsed(dag_id):
    """The DAG as the DAG processor makes it, by the settings of now."""
    spec = importlib.util.spec_from_file_location(f"parsed_{dag_id}", ROOT / "dags" / f"{dag_id}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.dag


# --- what is left to Step Functions


def test_the_live_dag_has_no_schedule_and_says_why(step_functions):
    dag = parsed(names.LIVE_DAG)
    assert not dag.timetable.can_be_scheduled
    first, _, rest = dag.doc_md.partition("\n\n")
    assert first.startswith("**Step Functions consumes the queue**")
    assert "no schedule" in first
    assert "`ledgerlake orchestrator use airflow`" in first
    assert rest.startswith("Load delivered files into checked Delta tables")


def test_while_airflow_consumes_the_queue_the_notice_is_absent(dag, by_date_dag):
    for each in (dag, by_date_dag):
        assert each.doc_md.startswith(("Load delivered files", "Process the deliveries of a day"))
        assert each.schedule is not None


def test_the_dag_by_date_can_still_be_backfilled(step_functions):
    """Airflow backfills only what has a periodic schedule."""
    dag = parsed(names.BY_DATE_DAG)
    assert DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable.periodic
    assert "scheduled runs end at once" in dag.doc_md


@pytest.fixture
def by_date_run(step_functions, new_run, cloud, by_date):
    for name in DATASETS:
        cloud.load(name)
    cloud.put("raw/orders/2025-04-01.csv")
    return by_date


def test_its_scheduled_run_takes_nothing_and_sends_no_notification(by_date_run, cloud):
    by_date_run.run_type = "scheduled"
    with pytest.raises(DownstreamTasksSkipped) as skipped:
        by_date_run.call("plan_batch")
    assert "orders_etl" in skipped.value.tasks
    plan = by_date_run.xcoms["plan_batch", "return_value"]
    assert (plan["batch_id"], plan["reason"]) == (None, "Step Functions sweeps up what waits in raw/")
    assert batch.open_batches(cloud.s3, cloud.bucket) == []
    assert lease.show(cloud.s3, cloud.bucket) is None


@pytest.mark.parametrize("run_type", ["backfill", "manual"])
def test_its_other_runs_take_their_days(by_date_run, cloud, run_type):
    by_date_run.run_type = run_type
    assert by_date_run.call("plan_batch")["deliveries"] == 1


def test_a_failed_run_by_date_names_the_workflow_that_resumes_its_batch(by_date_run, cloud):
    by_date_run.call("plan_batch")
    by_date_run.states.update(dict.fromkeys(by_date_run.dag.task_ids, "success"))
    push_failure({**by_date_run.of("orders_etl"), "exception": RuntimeError("a")})
    by_date_run.states["orders_etl"] = "failed"
    by_date_run.call("report")
    (notification,) = cloud.notifications()
    assert "The batch stays open: the next run of EcommerceETLPipeline resumes it." in notification


# --- the queue is not shared


class Lambdas:
    """Answers as Lambda does, a mapping a page; an error is raised when the pages are asked for."""

    def __init__(self, *mappings, error=None):
        self.mappings, self.error = mappings, error

    def get_paginator(self, operation):
        assert operation == "list_event_source_mappings"
        return SimpleNamespace(paginate=self._pages)

    def _pages(self, FunctionName):  # noqa: N803, as Lambda calls it
        assert FunctionName == "CheckDataAvailability"
        if self.error:
            raise self.error
        yield {"EventSourceMappings": []}
        for mapping in self.mappings:
            yield {"EventSourceMappings": [mapping]}


def mapping(state, arn=QUEUE_ARN):
    return {"State": state, "EventSourceArn": arn}


@pytest.fixture
def waiting(run, cloud, monkeypatch):
    """A run at its sensor, with a message in the queue; `waiting(lambdas)` executes it."""
    cloud.deliver("raw/orders/o.csv")

    def execute(lambdas, run_type="scheduled"):
        monkeypatch.setattr(sensor, "client", {"lambda": lambdas}.__getitem__)
        run.run_type = run_type
        context = run.of("wait_for_deliveries")
        context["task"].execute(context)
        return run.xcoms["wait_for_deliveries", "messages"]

    return execute


@pytest.mark.parametrize("run_type", ["scheduled", "manual"])
@pytest.mark.parametrize("state", ["Enabled", "Enabling"])
def test_a_run_does_not_share_the_queue_and_takes_no_message(waiting, cloud, state, run_type):
    with pytest.raises(AirflowException) as refused:
        waiting(Lambdas(mapping("Disabled"), mapping(state)), run_type)
    assert str(refused.value) == (
        "Airflow (ecommerce_lakehouse) and Step Functions (CheckDataAvailability) both consume ecommerce-etl-queue; "
        "expected one of them; next step: ledgerlake orchestrator use airflow, "
        "or: ledgerlake orchestrator use step_functions"
    )
    assert not isinstance(refused.value, AirflowFailException)
    assert (cloud.visible(), cloud.hidden()) == (1, 0)


@pytest.mark.parametrize(
    "lambdas",
    [
        Lambdas(),
        *(Lambdas(mapping(state)) for state in ("Disabled", "Disabling", "Creating", "Deleting")),
        Lambdas(mapping("Enabled", "arn:aws:sqs:us-east-1:123456789012:another")),
    ],
    ids=["none", "disabled", "disabling", "creating", "deleting", "of another queue"],
)
def test_a_mapping_that_takes_nothing_from_the_queue_does_not_matter(waiting, lambdas):
    assert len(waiting(lambdas)) == 1


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no such function"}}, "List"),
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not allowed"}}, "List"),
        EndpointConnectionError(endpoint_url="https://lambda"),
    ],
    ids=["no function", "no permission", "no Lambda"],
)
def test_without_a_response_the_run_continues_and_logs_the_reason(waiting, caplog, error):
    with caplog.at_level("INFO", logger=orchestrator.__name__):
        assert len(waiting(Lambdas(error=error))) == 1
    assert str(error) in caplog.text


def test_on_the_aws_of_the_other_tests_there_is_no_function(run, cloud):
    run.run_type = "manual"
    context = run.of("wait_for_deliveries")
    context["task"].execute(context)
    assert run.xcoms["wait_for_deliveries", "messages"] == []
