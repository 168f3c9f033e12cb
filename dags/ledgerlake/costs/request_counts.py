"""How many requests, calls and transitions a run makes, from what its own parts know.

Counted as they were made, retries included: those of the archive (its Lambda counts its client's). Worked out
from what is done, by the formulas below: the plan, the lease, what the jobs' own Python reads and writes (their
deliveries, summary, ledger, rejects and parked rows), the messages, the calls of Lambda and the transitions.

Not counted: the files of Spark itself (stage, Delta log, Parquet of the tables), Athena's reads, requests to KMS,
the looks into an empty queue or a `raw/` that is not quiet yet, and polls for the state of a job. S3's request
metrics and the bill have them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any

from ledgerlake.contracts import DATASETS
from ledgerlake.costs.cost import Calls, Requests
from ledgerlake.tables.checks import checks

PAGE = 1000
"""So many versions does S3 list at once."""
MESSAGES_AT_ONCE = 10

GB = {"check": 0.5, "plan": 0.5, "archive": 0.5, "catalogue": 0.25, "report": 0.5}
"""Memory of the functions, as `infra.functions` declares it."""
SECONDS = {"check": 2.0, "plan": 2.0, "archive": 1.0, "catalogue": 1.0, "report": 3.0}
"""An estimate: for how long each call runs when it waits for nothing. Nobody has measured them on Lambda."""
SECONDS_A_FILE = 0.025
"""An estimate: so much longer runs the archive for each file; a dozen move at a time, in 0.3 seconds each."""

_FIXED_STATES = 14
"""Begin, PlanBatch, AnythingToDo; ArchiveETLFiles; CheckCatalogue, CatalogueChecked; Checks; ReadFigures,
GetFigures; ReportRun, NotifyRun, Reported, LookAgain, Done."""


def of_plan(deliveries: int) -> Requests:
    """One look at `raw/`, open batches, quarantine and tables; manifest and mark; the lease taken and given back."""
    lists = ceil(max(deliveries, 1) / PAGE) + 2 + len(DATASETS)
    return Requests(s3_writes=lists + 2 + 2, s3_reads=2)


def of_archive(answer: Mapping[str, Any]) -> Requests:
    """As the archive has counted them.

    Args:
        answer: of ArchiveETLFiles.

    Raises:
        KeyError: it has counted nothing.
    """
    counted = answer["requests"]
    return Requests(s3_writes=counted["writes"], s3_reads=counted["reads"])


def of_jobs(summaries: Iterable[Mapping[str, Any]]) -> Requests:
    """Those of the jobs' own Python.

    A job reads manifest (twice), the mark of a publication and the summary, every delivery once, and one with
    rejects again for their text. It writes mark, summary and ledger, and a part for each delivery with rejects or
    parked rows.

    Args:
        summaries: of the stages, as the jobs wrote them down.
    """
    total = Requests()
    for summary in summaries:
        entries = summary.get("entries", ())
        rejected = sum(bool(entry["rejected"]) for entry in entries)
        parked = sum(bool(entry["parked"]) for entry in entries)
        total += Requests(s3_writes=3 + rejected + parked, s3_reads=4 + len(entries) + rejected)
    return total


def of_messages(deliveries: int, live: bool) -> Requests:
    """One message for each delivery, received and deleted ten at a time; the notification; the figures for CloudWatch.

    Args:
        live: a run by date is woken by none.
    """
    batches = ceil(deliveries / MESSAGES_AT_ONCE)
    return Requests(messages=deliveries + 2 * batches if live else 0, notifications=1, metrics=1)


def of_airflow(deliveries: int) -> Calls:
    """Estimate the calls of a run in Airflow, of which the archive is the only one."""
    return Calls(1, round(GB["archive"] * _archiving(deliveries), 3))


def of_functions(deliveries: int, live: bool, settle_seconds: float) -> Calls:
    """Estimate the calls of an execution: each function once, and the polls that start it and follow it.

    Args:
        settle_seconds: for which that look has waited until nothing landed any more.
    """
    seconds = SECONDS | {"archive": _archiving(deliveries)}
    once = sum(GB[name] * seconds[name] for name in GB)
    waiting = GB["check"] * (SECONDS["check"] + settle_seconds) if live else 0.0
    return Calls(len(GB) + live, round(once + waiting, 3))


def of_states(datasets: int, levels: int, jobs: int, looks: int) -> int:
    """Transitions of an execution that went well, one for each state that was entered.

    Args:
        datasets: of the contracts, each a branch.
        levels: of parents before children, each a Parallel and a Choice.
        jobs: runs of Glue jobs; one that was tried again is a Choice, a Wait and the Task once more.
        looks: at the crawler; none when it was not started.
    """
    retried = max(0, jobs - datasets)
    crawl = 1 + 3 * looks if looks else 0
    return _FIXED_STATES + 2 * levels + 2 * datasets + len(checks()) + 3 * retried + crawl


def levels() -> int:
    """Return the length of the longest chain of parents and children among the contracts."""
    level: dict[str, int] = {}
    for dataset in DATASETS.values():  # parents come first in the contracts
        level[dataset.name] = 1 + max((level[each.dataset] for each in dataset.references), default=0)
    return max(level.values())


def _archiving(deliveries: int) -> float:
    return SECONDS["archive"] + SECONDS_A_FILE * deliveries
