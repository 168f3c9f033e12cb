"""Failures of a run's steps, and the reason of each in the same words for every orchestrator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledgerlake.contracts import DATASETS

LONGEST = 4000  # characters of a reason; an SNS message holds 256 KiB


@dataclass(frozen=True)
class Failure:
    """One step of a run that failed.

    Args:
        step: its name: a task of Airflow, a state of Step Functions, `checks.<name>` in both.
        log: where its log is read.
        kind: the class of its error; empty when its process was killed.
        of: the dataset, where the step's name does not say it.
    """

    step: str
    reason: str
    log: str
    kind: str = ""
    of: str = ""

    @property
    def dataset(self) -> str:
        """Whose job the step is; empty for a step of the whole batch."""
        return self.of or dataset_of(self.step)


def dataset_of(step: str) -> str:
    """Return whose job the step is; empty when it is none."""
    return next((name for name, dataset in DATASETS.items() if dataset.job == step), "")


def job_reason(job: str, run: Mapping[str, Any], run_id: str, otherwise: str) -> str:
    """Why a Glue job failed.

    Args:
        run: as Glue describes it, with `JobRunState` and, when the job could say something, `ErrorMessage`.
        otherwise: what is known when it said nothing.
    """
    said = run.get("ErrorMessage") or f"no error message; {otherwise}"
    return f"{job} {run['JobRunState']}: {said} (Glue run {run_id})"


def lost_job_reason(job: str, run: Mapping[str, Any], run_id: str) -> str:
    """Return what is said of a job that did not fail, but whose task ended before it could see that."""
    return (
        f"{job} {run['JobRunState']} in Glue (run {run_id}); its task was ended before it saw that; "
        "next step: ledgerlake run --wait, which resumes the batch"
    )


def lambda_reason(function: str, said: Mapping[str, Any]) -> str:
    """Why a Lambda failed: `ArchiveETLFiles: ArchiveError: …`.

    Args:
        said: its answer, with `errorType` and `errorMessage`.
    """
    return f"{function}: {said['errorType']}: {said['errorMessage']}"


def query_reason(query_id: str | None, state: str, why: str | None) -> str:
    """Why Athena did not answer."""
    return f"Athena query {query_id} is {state}: {why}"
