"""The quality limit: a batch that is too dirty is set aside before any of it is published."""

from __future__ import annotations

from pyspark.sql import functions as F

from ledgerlake.display import display_text
from ledgerlake.errors import QualityError
from ledgerlake.planning import quarantine
from ledgerlake_glue.objects import s3
from ledgerlake_glue.reading import MISSING_FILE
from ledgerlake_glue.stage import DROPPED, Stage, Summary
from ledgerlake_glue.verdict import CLOSING

_NAMED = 3


def enforce_quality_limit(stage: Stage, summary: Summary, files: int, dropped: int = 0) -> None:
    """Quarantine the batch when more rows, or more whole files, were rejected than the contract allows.

    Args:
        files: of the batch; one that was deleted before it could be read is no fault of its content.
        dropped: deliveries that an operator has dropped; each counts as a row that was read and rejected.

    Raises:
        QualityError: says how many, and the most frequent reasons. The table, the rejects and the
            ledger are as they were.
    """
    error = _too_many_files(stage, summary, files) or _too_many_rows(stage, summary, dropped)
    if error is None or quarantine.is_accepted(s3(), stage.bucket, stage.batch_id):
        return
    quarantine.set_aside(s3(), stage.bucket, stage.batch_id, str(error))
    raise error


def _too_many_files(stage: Stage, summary: Summary, files: int) -> QualityError | None:
    limit = stage.dataset.quality
    no_fault = (MISSING_FILE, f"{DROPPED}:")
    wrong = {key: problem for key, problem in sorted(summary.broken.items()) if not problem.startswith(no_fault)}
    if not limit.passed_by_files(len(wrong), files):
        return None
    named = ", ".join(f"{display_text(key)}: {problem}" for key, problem in [*wrong.items()][:_NAMED])
    lines = summary.total("lines_rejected")
    return QualityError(
        f"{stage.dataset.name}: {len(wrong)} of {files} files of batch {stage.batch_id} were rejected whole "
        f"({lines:,} lines), first: {named}",
        expected=f"at most {limit.file_share:.0%}; {_aside(stage)}",
        remedy=_remedy(stage),
    )


def _too_many_rows(stage: Stage, summary: Summary, dropped: int) -> QualityError | None:
    limit, rejected = stage.dataset.quality, summary.total("rejected") - dropped
    read = summary.total("rows_read") - summary.total("restored") - dropped
    if not limit.passed_by(rejected, read):
        return None
    return QualityError(
        f"{stage.dataset.name}: {rejected} of {read} rows of batch {stage.batch_id} were rejected "
        f"({rejected / read:.0%}), most often: {_most_frequent(stage, summary)}",
        expected=f"at most {limit.reject_share:.0%}; {_aside(stage)}",
        remedy=_remedy(stage),
    )


def _remedy(stage: Stage) -> str:
    return (
        f"look at the files; to let it through as it is: ledgerlake accept {stage.batch_id}; to reject all of "
        f"it: ledgerlake drop {stage.batch_id} --reason 'the wrong file'"
    )


def _aside(stage: Stage) -> str:
    return f"the batch is in quarantine, and nothing of {stage.dataset.name} was changed"


def _most_frequent(stage: Stage, summary: Summary) -> str:
    rows = stage.rows(summary, "rejected", CLOSING).where("_fate = 'rejected' or _problem is not null")
    reasons = rows.select(F.explode(F.coalesce("_reasons", F.array("_problem"))).alias("reason"))
    # `required: order_id is empty` says more than its rule alone; of other reasons the value is left out.
    what = F.regexp_replace("reason", "=.*", "").alias("what")
    counted = reasons.groupBy(what).count().orderBy(F.desc("count"), "what").limit(_NAMED).collect()
    return ", ".join(f"{row.what} ({row['count']})" for row in counted)
