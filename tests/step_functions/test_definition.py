"""The definition as a text: current, valid, and without a way into nowhere."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy

import jsonata
import pytest
from cfnlint.api import lint_all

from infra.state_machine import definition as made
from infra.state_machine.loading import levels
from infra.synth import DEFINITION
from ledgerlake.contracts import DATASETS
from ledgerlake.tables.checks import checks

ASL = json.loads(DEFINITION.read_text())
VALUES = {name: f"arn:aws:lambda:eu-west-1:123456789012:function:{name}" for name in made.SUBSTITUTIONS}
DEPLOYED = json.loads(
    made.substituted(DEFINITION.read_text(), {**VALUES, "PollSeconds": "20", "RetryDelaySeconds": "60"})
)
OURS = "{%"


def machines(machine: dict) -> Iterator[dict]:
    """A machine, and those of its branches and items."""
    yield machine
    for state in machine["States"].values():
        for inner in [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]:
            yield from machines(inner)


def states(machine: dict = ASL) -> dict[str, dict]:
    return {name: state for each in machines(machine) for name, state in each["States"].items()}


def next_of(state: dict) -> list[str]:
    rules = [*state.get("Choices", []), *state.get("Catch", [])]
    ends = [state.get("Next"), state.get("Default"), *(rule["Next"] for rule in rules)]
    return [name for name in ends if name]


def texts(node) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from texts(child)


def expressions(node) -> list[str]:
    return [text for text in texts(node) if text.startswith(OURS)]


def lint(machine: dict) -> list[str]:
    """What cfn-lint says of the machine, as the definition of a template."""
    properties = {"RoleArn": "arn:aws:iam::123456789012:role/any", "DefinitionString": json.dumps(machine)}
    template = {"Resources": {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}}
    return [f"{each.rule.id} {each.message}" for each in lint_all(json.dumps(template)) if each.rule.id[0] != "I"]


def broken(change) -> dict:
    machine = deepcopy(DEPLOYED)
    change(machine)
    return machine


def test_the_committed_definition_is_what_the_contracts_and_checks_make_of_it():
    assert DEFINITION.read_text() == made.text(), "run make synth, and review the difference"


@pytest.mark.slow
def test_cfn_lint_finds_nothing_in_it():
    assert lint(DEPLOYED) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda machine: machine["States"]["Done"].update(Surprise=1),
        lambda machine: machine["States"]["NotifyRun"].update(TimeoutSeconds="soon"),
        lambda machine: machine["States"]["PlanBatch"].update(Type="Work"),
        lambda machine: machine.pop("StartAt"),
        lambda machine: machine["States"]["AnythingToDo"]["Choices"][0].pop("Condition"),
    ],
    ids=["unknown field", "time as text", "unknown type", "no beginning", "choice without condition"],
)
def test_cfn_lint_finds_what_is_invalid(change):
    assert lint(broken(change))


def test_every_state_is_reached_and_every_way_leads_to_a_state():
    for machine in machines(ASL):
        reached, todo = set(), [machine["StartAt"]]
        while todo:
            name = todo.pop()
            assert name in machine["States"], name
            if name not in reached:
                reached.add(name)
                todo += next_of(machine["States"][name])
        assert reached == set(machine["States"])


def test_every_state_goes_on_or_ends():
    for name, state in states().items():
        if state["Type"] in ("Succeed", "Fail"):
            assert not next_of(state)
        elif state["Type"] == "Choice":
            assert state["Default"], name
        else:
            assert ("Next" in state) != state.get("End", False), name


def test_no_two_states_have_one_name_and_none_is_longer_than_allowed():
    names = [name for machine in machines(ASL) for name in machine["States"]]
    assert len(names) == len(set(names))
    assert max(map(len, names)) <= 80


@pytest.mark.parametrize("expression", sorted(set(expressions(DEPLOYED))))
def test_every_expression_can_be_parsed(expression):
    jsonata.Jsonata.jsonata(expression.removeprefix("{%").removesuffix("%}").strip())


def test_no_variable_is_read_that_no_state_assigns():
    assigned = {name for state in states().values() for name in _assigned(state)}
    local = {"states", "cell", "rows", "row", "each", "value", "name"}
    for expression in expressions(ASL):
        code = re.sub(r'"(\\.|[^"\\])*"|\'[^\']*\'', "", expression)
        read = set(re.findall(r"\$([a-z_]\w*)(?!\w*\s*\()", code))
        assert read <= assigned | local, expression


def _assigned(state: dict) -> set[str]:
    parts = [state, *state.get("Choices", []), *state.get("Catch", [])]
    return {name for part in parts for name in part.get("Assign", {})}


def test_every_task_has_a_time_after_which_it_is_given_up_and_somebody_who_catches_its_errors():
    for name, state in states().items():
        if state["Type"] != "Task":
            continue
        assert 0 < state["TimeoutSeconds"] <= ASL["TimeoutSeconds"], name
        assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"], name


def test_what_is_tried_again_is_tried_ever_more_rarely_and_by_lot_and_never_a_failed_job_or_query():
    for name, state in states().items():
        for retrier in state.get("Retry", []):
            assert retrier["BackoffRate"] > 1, name
            assert retrier["MaxDelaySeconds"] >= retrier["IntervalSeconds"] > 0, name
            assert retrier["JitterStrategy"] == "FULL", name
            assert not {"States.TaskFailed", "States.ALL", "States.Timeout"} & set(retrier["ErrorEquals"]), name


def test_a_taken_lease_is_waited_for_as_long_as_the_execution_may_last():
    (retrier,) = [each for each in states()["PlanBatch"]["Retry"] if each["ErrorEquals"] == ["LeaseTaken"]]
    assert (retrier["IntervalSeconds"], retrier["MaxDelaySeconds"]) == (10, 60)
    assert retrier["MaxAttempts"] * 10 >= ASL["TimeoutSeconds"]


def test_no_arn_is_in_it_but_those_of_the_integrations():
    found = {text for text in texts(ASL) if "arn:" in text}
    assert all(re.fullmatch(r"arn:aws:states:::[a-z0-9-]+(:\w+)*(\.sync(:2)?)?", text) for text in found)


def test_a_job_comes_after_all_jobs_whose_tables_it_refers_to():
    order = [{dataset.name for dataset in level} for level in levels(DATASETS)]
    assert set.union(*order) == set(DATASETS)
    for number, names in enumerate(order):
        for name in names:
            parents = {reference.dataset for reference in DATASETS[name].references}
            assert parents <= set().union(*order[:number])
    for number, names in enumerate(order, start=1):
        branches = ASL["States"][f"Load{number}"]["Branches"]
        asked = [branch["States"][branch["StartAt"]]["Choices"][0]["Next"] for branch in branches]
        assert asked == [DATASETS[name].job for name in DATASETS if name in names]


def test_every_check_is_asked_with_its_own_sql():
    items = ASL["States"]["Checks"]["Items"]
    assert [(each["check"], each["sql"]) for each in items] == [(each.name, each.sql) for each in checks()]


def test_it_is_smaller_than_step_functions_allow():
    assert len(DEFINITION.read_bytes()) < 1_000_000
    assert len(json.dumps(ASL["States"]["Checks"]["Items"])) < 200_000, "an input holds 256 KiB"
