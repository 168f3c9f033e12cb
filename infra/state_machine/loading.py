"""States of the Glue jobs: parents before children, siblings in parallel, each sibling to its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from infra.state_machine import retries
from infra.state_machine.states import State, States, any_failed, caught_inside, choice, gathered, jsonata, task
from ledgerlake import settings
from ledgerlake.contracts import Dataset
from ledgerlake.errors import QualityError

_LONGEST_JOB = max(
    settings.from_environment({"LEDGERLAKE_ENVIRONMENT": name}).job_timeout_minutes for name in settings.ENVIRONMENTS
)
_JOB_SECONDS = 60 * (_LONGEST_JOB + 15)
"""Glue ends the run at its job's timeout; a quarter of an hour is for what comes before it runs."""

_TRIES = "($exists($states.input.tries) ? $states.input.tries : 0) + 1"
_MAY_BE_TRIED_AGAIN = (
    f"$states.input.tries <= {settings.Settings.task_retries} and $states.input.error = 'States.TaskFailed' "
    f"and $not($contains($states.input.cause, '{QualityError.__name__}'))"
)
_PAUSE = "$ceil(${RetryDelaySeconds} * $power(2, $states.input.tries - 1) * (0.5 + $random() / 2))"
"""Exponential, with jitter for jobs that failed together."""

_FAILURE = {name: jsonata(f"$states.input.{name}") for name in ("state", "error", "cause")}


def levels(datasets: Mapping[str, Dataset]) -> list[tuple[Dataset, ...]]:
    """Return the datasets by level, each in the first level after all that it references."""
    level: dict[str, int] = {}
    for dataset in datasets.values():  # parents come first in the contracts
        level[dataset.name] = 1 + max((level[reference.dataset] for reference in dataset.references), default=-1)
    deepest = max(level.values())
    return [tuple(each for each in datasets.values() if level[each.name] == number) for number in range(deepest + 1)]


def loading(datasets: Mapping[str, Dataset], following: str) -> States:
    """Return the states from the first level of jobs, which begins with `Load1`, to `following`."""
    return dict(_loading(levels(datasets), following))


def _loading(by_level: list[tuple[Dataset, ...]], following: str) -> Iterator[tuple[str, State]]:
    for number, datasets in enumerate(by_level, start=1):
        after = f"Load{number + 1}" if number < len(by_level) else following
        yield (
            f"Load{number}",
            {
                "Type": "Parallel",
                "Branches": [_branch(dataset) for dataset in datasets],
                **gathered(f"Load{number}"),
                "Next": f"Loaded{number}",
            },
        )
        yield f"Loaded{number}", any_failed(after)


def _branch(dataset: Dataset) -> State:
    """Return the branch of a job with its retries; a job that quarantined its batch is not retried."""
    job, begin, skipped, failed = dataset.job, f"{dataset.job}_asked", f"{dataset.job}_idle", f"{dataset.job}_failed"
    again, pause = f"{dataset.job}_again", f"{dataset.job}_pause"
    return {
        "StartAt": begin,
        "States": {
            begin: choice([(f"'{dataset.name}' in $plan.datasets", job)], skipped),
            job: task(
                "glue:startJobRun.sync",
                {"JobName": job, "Arguments": {"--batch_id": jsonata("$plan.batch_id")}},
                seconds=_JOB_SECONDS,
                retry=(retries.JOB_IN_USE, retries.GLUE),
                Output={"run": jsonata("$states.result.Id")},
                Catch=caught_inside(job, again, tries=jsonata(_TRIES)),
                End=True,
            ),
            skipped: {"Type": "Pass", "Output": {}, "End": True},
            again: choice([(_MAY_BE_TRIED_AGAIN, pause)], failed),
            pause: {"Type": "Wait", "Seconds": jsonata(_PAUSE), "Next": job},
            failed: {"Type": "Pass", "Output": _FAILURE, "End": True},
        },
    }
