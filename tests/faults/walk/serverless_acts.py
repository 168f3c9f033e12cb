"""What people and machines do to a lake on which Step Functions run the pipeline."""

from __future__ import annotations

from random import Random

import acts
from acts import Act, Walk
from killing import kill_function

from ledgerlake import names

_FUNCTIONS = (names.CHECK_FUNCTION, names.PLAN_FUNCTION, names.ARCHIVE_FUNCTION, names.REPORT_FUNCTION)


def _machine(walk: Walk) -> str:
    (found,) = walk.lake.client("stepfunctions").list_state_machines()["stateMachines"]
    return str(found["stateMachineArn"])


def stop_execution(walk: Walk, chance: Random) -> str:
    """An execution that is at work, if there is one."""
    states = walk.lake.client("stepfunctions")
    running = states.list_executions(stateMachineArn=_machine(walk), statusFilter="RUNNING")["executions"]
    if not running:
        return "stop no execution: none is at work"
    victim = chance.choice(sorted(running, key=lambda each: each["name"]))
    states.stop_execution(executionArn=victim["executionArn"])
    return f"stop {victim['name']}"


def start_execution(walk: Walk, chance: Random) -> str:
    """One more, as somebody in a hurry starts it."""
    walk.lake.client("stepfunctions").start_execution(stateMachineArn=_machine(walk), input="{}")
    return "start an execution"


def reprocess(walk: Walk, chance: Random) -> str:
    """The deliveries of some days again."""
    first = chance.choice(("2025-04-01", "2025-04-02"))
    walk.lake.say("run", "--orchestrator", "step_functions", "--from", first, "--to", "2025-04-02")
    return f"process {first} to 2025-04-02 again"


def kill_a_lambda(walk: Walk, chance: Random) -> str:
    """The processes of one function, whatever it is about to do."""
    function = chance.choice(_FUNCTIONS)
    try:
        kill_function(walk.lake, function)
    except AssertionError:
        return f"kill no {function}: it does not run"
    return f"kill {function}"


ACTS: dict[Act, int] = acts.COMMON | {stop_execution: 2, start_execution: 1, reprocess: 1, kill_a_lambda: 2}
