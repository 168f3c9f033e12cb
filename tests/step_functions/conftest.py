"""The committed definition on MiniStack's Step Functions, in this process, with services that answer by a script.

MiniStack's own mocks (`SFN_MOCK_CONFIG`) answer without computing a state's arguments, so that nobody would see what
the state machine asks for; here every argument, retry, catch and wait (of no length) is MiniStack's.
"""

from __future__ import annotations

import contextvars
import json
import threading
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from ministack.services import stepfunctions

from infra.state_machine import definition as made
from infra.synth import DEFINITION
from ledgerlake.contracts import DATASETS
from ledgerlake.tables.checks import checks
from local.aws import hooks, step_functions

BATCH = "20250401T080000Z-1a2b3c4d"
PLAN = {
    "batch_id": BATCH,
    "datasets": list(DATASETS),
    "deliveries": 3,
    "resumed": False,
    "reason": "3 deliveries",
    "strays": 0,
    "ignored": 0,
    "dates": [],
}
ARCHIVE = {"batch_id": BATCH, "archived": 3, "already_there": 0, "bytes": 30, "missing": [], "missing_count": 0}
REPORT = {
    "subject": "Ledgerlake: 3 loaded",
    "message": "All is well.",
    "again_in_seconds": None,
    "quarantined": False,
    "failures": [],
}
FAILED_REPORT = {"subject": "Ledgerlake: FAILED", "message": "Fix it.", "again_in_seconds": 30, "quarantined": False}
NOTHING = PLAN | {"batch_id": None, "datasets": [], "deliveries": 0, "reason": "nothing waits"}

_state: contextvars.ContextVar[str] = contextvars.ContextVar("state", default="")


class Throw(Exception):
    """A scripted error of a service."""

    def __init__(self, error: str, cause: str = "") -> None:
        self.error, self.cause = error, cause
        super().__init__(error)


@dataclass(frozen=True)
class Call:
    state: str
    resource: str
    arguments: Any


@dataclass
class World:
    """The services: `answers` by state; of a list each call takes the next, and the last stays."""

    answers: dict[str, Any]
    calls: list[Call] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def invoke(self, resource: str, arguments: Any) -> Any:
        name = _state.get()
        with self._lock:
            self.calls.append(Call(name, resource, arguments))
            answer = self.answers[name]
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer) and not isinstance(answer, type):
            answer = answer(arguments)
        if isinstance(answer, Throw):
            raise stepfunctions._ExecutionError(answer.error, answer.cause)
        return answer


@dataclass(frozen=True)
class Run:
    """An execution that has ended."""

    execution: dict[str, Any]
    calls: list[Call]

    @property
    def status(self) -> str:
        return self.execution["status"]

    @property
    def output(self) -> Any:
        return json.loads(self.execution["output"])

    @property
    def states(self) -> list[str]:
        """The states that called a service, in order."""
        return [call.state for call in self.calls]

    def asked(self, state: str) -> Any:
        """What the only call of `state` asked for."""
        (call,) = [call for call in self.calls if call.state == state]
        return call.arguments

    def payload(self, state: str) -> Any:
        return self.asked(state)["Payload"]

    @property
    def history(self) -> list[dict[str, Any]]:
        """The events of the execution itself; those inside of branches and items are not among them."""
        return self.execution["events"]

    @property
    def notifications(self) -> list[Any]:
        return [call.arguments for call in self.calls if call.resource.endswith("sns:publish")]


def payload(value: Any) -> dict[str, Any]:
    """A Lambda's answer as Step Functions show it."""
    return {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": value}


def table(*rows: list[str | None]) -> dict[str, Any]:
    """The answer of GetQueryResults; NULL is a cell without a value."""
    cells = [{"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in rows]
    return {"ResultSet": {"Rows": cells, "ResultSetMetadata": {"ColumnInfo": []}}, "UpdateCount": 0}


def query(arguments: dict[str, Any]) -> dict[str, Any]:
    """The answer of a query that succeeded: its id is the name of the check that it asks, its bytes are its text's."""
    names = {each.sql: each.name for each in checks()}
    name = names.get(arguments["QueryString"], "figures")
    scanned = {"DataScannedInBytes": len(arguments["QueryString"])}
    return {"QueryExecution": {"QueryExecutionId": name, "Status": {"State": "SUCCEEDED"}, "Statistics": scanned}}


def job(arguments: dict[str, Any]) -> dict[str, Any]:
    return {"Id": "jr_1", "JobName": arguments["JobName"], "JobRunState": "SUCCEEDED"}


def good_day() -> dict[str, Any]:
    """What every service answers when nothing goes wrong."""
    return {
        "PlanBatch": payload(PLAN),
        **{dataset.job: job for dataset in DATASETS.values()},
        "ArchiveETLFiles": payload(ARCHIVE),
        "CheckCatalogue": payload({"differences": []}),
        "StartCrawler": {},
        "GetCrawler": {"Crawler": {"State": "READY", "LastCrawl": {"Status": "SUCCEEDED"}}},
        "RunCheck": query,
        "ReadFigures": query,
        "GetFigures": table(["dataset", "files"], ["orders", "1"]),
        "ReportRun": payload(REPORT),
        "ReportFailure": payload(FAILED_REPORT),
        "NotifyRun": {"MessageId": "1"},
        "NotifyFailure": {"MessageId": "2"},
        "NotifyWithoutReport": {"MessageId": "3"},
        "TryAgainLater": {"MessageId": "4"},
        "LookAgain": {"StatusCode": 202},
        "LookAgainAfterFailure": {"StatusCode": 202},
        "PlanDates": payload({"dates": ["2025-04-01", "2025-04-02", "2025-04-03"]}),
        "RunDate": {"Status": "SUCCEEDED"},
    }


@pytest.fixture(scope="module")
def stage():
    """MiniStack's Step Functions with our executors; the world of the running test is the only item."""
    hooks.check()
    before = {hook: hooks.original(hook) for hook in hooks.HOOKS}
    current: list[World] = []
    step_functions.install(None)
    execute = hooks.original(hooks.EXECUTE_TASK)

    def execute_task(state, given, execution, ctx):
        token = _state.set(ctx["State"]["Name"])
        try:
            return execute(state, given, execution, ctx)
        finally:
            _state.reset(token)

    hooks.replace(hooks.EXECUTE_TASK, execute_task)
    hooks.replace(hooks.INVOKE_RESOURCE, lambda resource, given: current[0].invoke(resource, given))
    stepfunctions._SFN_WAIT_SCALE = 0
    yield current
    for hook, function in before.items():
        hooks.replace(hook, function)


@pytest.fixture(scope="module")
def machine_of(stage):
    """machine_of(text) → the ARN of a state machine with that definition."""

    def create(text: str) -> str:
        values = {name: f"arn:aws:lambda:us-east-1:000000000000:function:{name}" for name in made.SUBSTITUTIONS}
        values |= {"PollSeconds": "20", "RetryDelaySeconds": "60", "TopicArn": "topic", "QueueUrl": "queue"}
        name = f"EcommerceETLPipeline-{uuid4().hex[:8]}"
        answer = stepfunctions._create_state_machine(
            {"name": name, "definition": made.substituted(text, values), "roleArn": "arn:aws:iam::000000000000:role/r"}
        )
        assert answer[0] == 200, answer
        return json.loads(answer[2])["stateMachineArn"]

    return create


@pytest.fixture(scope="module")
def committed_machine(machine_of) -> str:
    return machine_of(DEFINITION.read_text())


@pytest.fixture
def run(stage, committed_machine):
    """run({"batch_id": …}, PlanBatch=…) → the execution with that input, on a good day but for the answers named."""

    def execute(given: dict[str, Any] | None = None, *, machine: str = committed_machine, **answers: Any) -> Run:
        world = World(good_day() | answers)
        stage[:] = [world]
        request = {"stateMachineArn": machine, "name": f"{BATCH}-{uuid4().hex[:8]}"}
        given = {"batch_id": BATCH} if given is None else given
        answer = json.loads(stepfunctions._start_sync_execution(request | {"input": json.dumps(given)})[2])
        return Run(stepfunctions._executions[answer["executionArn"]], world.calls)

    return execute


@pytest.fixture
def counts():
    """A counter of how many are inside at once: `with` it; `most` is the maximum."""

    class Counter:
        now = most = 0
        lock = threading.Lock()

        def __enter__(self):
            with self.lock:
                self.now += 1
                self.most = max(self.most, self.now)

        def __exit__(self, *_):
            with self.lock:
                self.now -= 1

    return Counter()
