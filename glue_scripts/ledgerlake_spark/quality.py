"""The quality limit: a batch that is too dirty is set aside before any of it is published."""

from __future__ import annotations

from pyspark.sql import functions as F

from ledgerlake import quarantine
from ledgerlake.errors import QualityError
from ledgerlake_spark.objects import s3
from ledgerlake_spark.stage import Stage, Summary
from ledgerlake_spark.verdict import CLOSING

_NAMED = 3


def refuse_dirt(stage: Stage, summary: Summary, dropped: int = 0) -> None:
    """Quarantine the batch when more rows were rejected than the contract allows.

    Args:
        dropped: deliveries that a person has dropped; each counts as a row that was read and rejected.

    Raises:
        QualityError: says how many, and the most frequent reasons. The table, the rejects and the
            ledger are as they were.
    """
    limit, rejected = stage.dataset.quality, summary.total("rejected") - dropped
    read = summary.total("rows_read") - summary.total("restored") - dropped
    if not limit.passed_by(rejected, read) or quarantine.is_accepted(s3(), stage.bucket, stage.batch_id):
        return
    error = QualityError(
        f"{stage.dataset.name}: {rejected} of {read} rows of batch {stage.batch_id} were rejected "
        f"({rejected / read:.0%}), most often: {_most_frequent(stage, summary)}",
        expected=f"at most {limit.reject_share:.0%}; the batch is in quarantine, and nothing of {stage.dataset.name} "
        "was changed",
        remedy=f"look at the files; to let it through as it is: ledgerlake accept {stage.batch_id}; to reject all of "
        f"it: ledgerlake drop {stage.batch_id} --reason 'the wrong file'",
    )
    quarantine.set_aside(s3(), stage.bucket, stage.batch_id, str(error))
    raise error


def _most_frequent(stage: Stage, summary: Summary) -> str:
    rows = stage.rows(summary, "rejected", CLOSING).where("_fate = 'rejected' or _problem is not null")
    reasons = rows.select(F.explode(F.coalesce("_reasons", F.array("_problem"))).alias("reason"))
    # `required: order_id is empty` says more than its rule alone; of other reasons the value is left out.
    what = F.regexp_replace("reason", "=.*", "").alias("what")
    counted = reasons.groupBy(what).count().orderBy(F.desc("count"), "what").limit(_NAMED).collect()
    return ", ".join(f"{row.what} ({row['count']})" for row in counted)
