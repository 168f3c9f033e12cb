"""Single edits that break a promise, each with the tests that must find it.

`make test-mutants` applies them one by one to a copy of the tree, and runs their tests there. A
mutant that survives means that a promise is tested by nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = {
    "local": (".venv", ".:dags:lambdas"),
    "glue": (".venv-glue", "dags:glue_scripts"),
    "airflow": (".venv-airflow", "dags:plugins"),
}
KERNEL, SPARK, PLUGINS = "dags/ledgerlake", "glue_scripts/ledgerlake_glue", "plugins/ledgerlake_airflow"

MACHINE = "step_functions/ecommerce_etl_pipeline.asl.json"


@dataclass(frozen=True)
class Mutant:
    """One edit, and who finds it.

    Args:
        find: text that is in the file exactly once.
        tests: arguments of pytest.
        runs_on: the environment of the tests.
        minutes: for which they may run.
    """

    name: str
    file: str
    find: str
    put: str
    tests: tuple[str, ...]
    runs_on: str = "local"
    minutes: int = 15


EQUALITY = ("tests/equality", "-k", "same")

MUTANTS = (
    Mutant(
        "messages are deleted on receipt",
        f"{PLUGINS}/sensor.py",
        "delete_message_on_reception=False",
        "delete_message_on_reception=True",
        ("tests/airflow/test_wait.py",),
        "airflow",
    ),
    Mutant(
        "an older version overwrites a newer one in the MERGE",
        f"{SPARK}/tables.py",
        """and {version.format("s")} >= {version.format("t")}) then update""",
        ") then update",
        ("tests/glue/test_tables.py",),
        "glue",
    ),
    Mutant(
        "an older row is an update in the verdict",
        f"{SPARK}/verdict.py",
        "when {version} < _t_version then 'superseded'",
        "when {version} < _t_version then 'updated'",
        ("tests/glue/test_verdict.py",),
        "glue",
    ),
    Mutant(
        "an orphan older than the table's row is parked",
        f"{SPARK}/verdict.py",
        "{newer_than_winner} and {newer_than_table} then 'parked'",
        "{newer_than_winner} then 'parked'",
        ("tests/glue/test_verdict.py",),
        "glue",
    ),
    Mutant(
        "a rule that is NULL passes",
        f"{SPARK}/validation.py",
        "not coalesce(({rule.predicate}), false)",
        "not coalesce(({rule.predicate}), true)",
        ("tests/glue/test_job.py", "-k", "null_is_a_broken_rule"),
        "glue",
    ),
    Mutant(
        "rows that are lost on the way are not missed",
        f"{KERNEL}/tables/ledger.py",
        "        if came != went:",
        "        if came < went:",
        ("tests/unit/kernel/test_ledger.py",),
    ),
    Mutant(
        "a copy in the archive is not verified",
        f"{KERNEL}/archive/verified_copy.py",
        "        _verify_new(s3, bucket, delivery, raw)\n",
        "        pass\n",
        ("tests/lambdas",),
    ),
    Mutant(
        "archiving deletes whatever version is the latest",
        f"{KERNEL}/archive/move.py",
        '{"Key": key, "VersionId": version} for key, version in versions',
        '{"Key": key} for key, version in versions',
        ("tests/lambdas",),
    ),
    Mutant(
        "archiving deletes what could not be copied",
        f"{KERNEL}/archive/move.py",
        "done = [each for each, outcome in outcomes.items() if isinstance(outcome, Copied) and outcome.raw]",
        "done = list(outcomes)",
        ("tests/lambdas",),
    ),
    Mutant(
        "only the first page of raw/ is listed",
        f"{KERNEL}/intake/deliveries.py",
        """s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=keys.RAW)""",
        "[s3.list_object_versions(Bucket=bucket, Prefix=keys.RAW)]",
        ("tests/unit/kernel/test_deliveries.py",),
    ),
    Mutant(
        "a delivery that was overwritten while it waited is forgotten",
        f"{KERNEL}/intake/deliveries.py",
        "            deliveries += _arrivals(dataset, versions)",
        "            deliveries += _arrivals(dataset, versions[:1])",
        ("tests/unit/kernel/test_deliveries.py",),
    ),
    Mutant(
        "a lease that is held is taken",
        f"{KERNEL}/planning/lease.py",
        "        elif not held.is_free(now):",
        "        elif not held.is_free(now) and not holder:",
        ("tests/unit/kernel/test_lease.py",),
    ),
    Mutant(
        "a manifest may be written twice",
        f"{KERNEL}/storage/objects.py",
        'IfNoneMatch="*"',
        'ContentEncoding="identity"',
        ("tests/unit/kernel/test_storage.py", "tests/unit/kernel/test_batch.py"),
    ),
    Mutant(
        "an open batch is not gone on with",
        f"{KERNEL}/planning/batch.py",
        "    for batch_id in open_batches(s3, bucket):\n        if batch := load",
        "    for batch_id in open_batches(s3, bucket)[1:]:\n        if batch := load",
        ("tests/unit/kernel/test_batch.py",),
    ),
    Mutant(
        "a batch is planned while a second version may still land in the same second",
        f"{KERNEL}/planning/batch.py",
        "timedelta(seconds=2)",
        "timedelta(seconds=0)",
        ("tests/unit/kernel/test_by_date.py",),
    ),
    Mutant(
        "files of a quarantined batch are planned again",
        f"{KERNEL}/planning/batch.py",
        "if delivery.id not in held)",
        "if delivery.id not in held or True)",
        ("tests/unit/kernel/test_by_date.py",),
    ),
    Mutant(
        "the daily sweep takes files of days to come",
        f"{KERNEL}/planning/by_date.py",
        "            return waits and day <= self.last",
        "            return waits",
        ("tests/unit/kernel/test_by_date.py",),
    ),
    Mutant(
        "the check of the counts finds missing rows only",
        f"{KERNEL}/tables/checks.py",
        'f"WHERE a.held <> b.said"',
        'f"WHERE a.held < b.said"',
        ("tests/unit/kernel/test_checks.py",),
    ),
    Mutant(
        "a row that fails by today's rules stays in the table",
        f"{SPARK}/withdrawal.py",
        '    support = staged.where(F.col("_fate").isin(*SUPPORTING) & F.col("_missing").isNull())',
        "    support = staged",
        ("tests/glue/test_reprocessing.py", "-k", "stricter"),
        "glue",
    ),
    Mutant(
        "a finished job publishes its old stage again",
        f"{SPARK}/publishing.py",
        "    return not summary.entries or exists(s3(), stage.bucket, _ledger_part(stage, summary))",
        "    return False",
        ("tests/glue/test_reprocessing.py", "-k", "released_since"),
        "glue",
    ),
    Mutant(
        "exactly as many rejects as allowed are too many",
        f"{KERNEL}/contracts/model.py",
        "rejected > self.reject_share * rows_read",
        "rejected >= self.reject_share * rows_read",
        ("tests/glue/test_quality.py", "-k", "allows"),
        "glue",
    ),
    Mutant(
        "nothing is completed that a dead job has begun to publish",
        f"{SPARK}/job.py",
        "    completed = complete(spark, tables[dataset.name], bucket)\n",
        "    completed = {}\n",
        ("tests/glue/test_job.py", "-k", "expired and not part"),
        "glue",
    ),
    Mutant(
        "a check that failed keeps its batch open, and with it every later delivery",
        f"{PLUGINS}/acknowledge.py",
        "@task(task_id=ACKNOWLEDGE, trigger_rule=TriggerRule.ALL_DONE)",
        "@task(task_id=ACKNOWLEDGE, trigger_rule=TriggerRule.NONE_FAILED)",
        ("tests/airflow/test_acknowledge.py", "tests/airflow/test_dag.py"),
        "airflow",
    ),
    Mutant(
        "a batch is closed because its tasks say that they succeeded",
        f"{PLUGINS}/acknowledge.py",
        "require_finished(s3, bucket, batch.load(s3, bucket, batch_id))",
        "batch.load(s3, bucket, batch_id)",
        ("tests/airflow/test_acknowledge.py",),
        "airflow",
    ),
    Mutant(
        "a child is judged before the parents of its batch are published",
        f"{KERNEL}/planning/evidence.py",
        "parents = [each.dataset for each in dataset.references if each.dataset in batch.datasets]",
        "parents: list[str] = []",
        ("tests/unit/kernel/test_evidence.py",),
    ),
    Mutant(
        "an execution that found nothing to do leaves to nobody what came while it held the lease",
        MACHINE,
        '"Next": "Load1"\n        }\n      ],\n      "Default": "LookAgain"',
        '"Next": "Load1"\n        }\n      ],\n      "Default": "Done"',
        ("tests/step_functions/test_good_days.py",),
    ),
    Mutant(
        "a check that finds rows does not fail an execution",
        MACHINE,
        "[$states.result.Payload.failures]",
        "[]",
        ("tests/step_functions/test_bad_days.py",),
    ),
    Mutant(
        "an execution that failed is tried again at once, for ever",
        MACHINE,
        '"DelaySeconds": "{% $report.again_in_seconds %}"',
        '"DelaySeconds": 0',
        ("tests/step_functions/test_bad_days.py",),
    ),
    Mutant(
        "Step Functions leave out the archive",
        MACHINE,
        '"Default": "ArchiveETLFiles"',
        '"Default": "CheckCatalogue"',
        EQUALITY,
        minutes=60,
    ),
    Mutant(
        "Step Functions wait for no gate",
        "lambdas/check_data_availability/handler.py",
        "settings, bucket = from_environment(), lake_bucket()",
        'settings, bucket = __import__("dataclasses").replace(from_environment(), gate="any"), lake_bucket()',
        EQUALITY,
        minutes=60,
    ),
    Mutant(
        "Airflow loads children before their parents",
        f"{PLUGINS}/pipeline.py",
        "jobs[reference.dataset] >> jobs[name]",
        "jobs[name] >> jobs[reference.dataset]",
        EQUALITY,
        minutes=60,
    ),
    Mutant(
        "a body that ends early is taken for its end",
        f"{KERNEL}/storage/resumable.py",
        'raise _Cut(f"after {self._position} of {self._size} bytes")',
        "return 0",
        ("tests/unit/kernel/test_resumable.py",),
    ),
    Mutant(
        "a delivery of an open batch is another one when part of the batch is archived",
        f"{KERNEL}/planning/by_date.py",
        "planned.get(each.id, each) for each in found",
        "each for each in found",
        ("tests/unit/kernel/test_by_date.py",),
    ),
    Mutant(
        "a version has no room for row numbers above a million",
        f"{SPARK}/verdict.py",
        "shiftleft(cast(_delivery as bigint), 40)",
        "shiftleft(cast(_delivery as bigint), 20)",
        ("tests/glue/test_verdict.py",),
        "glue",
    ),
    Mutant(
        "the local AWS answers to any access key",
        "local/aws/access.py",
        "if not keys or not all(hmac.compare_digest(key.encode(), access_key.encode()) for key in keys):",
        "if not keys:",
        ("tests/local/test_access.py", "-m", "not slow"),
    ),
    Mutant(
        "the local AWS answers the pages of a browser",
        "local/aws/access.py",
        'if origins - {f"http://{host}"}:',
        "if False:",
        ("tests/local/test_access.py", "-m", "not slow"),
    ),
    Mutant(
        "a key may turn a line around",
        f"{KERNEL}/display.py",
        "(0x2028, 0x202F)",
        "(0x2028, 0x2029)",
        ("tests/unit/kernel/test_display.py",),
    ),
    Mutant(
        "a key forges a paragraph of a notification",
        f"{KERNEL}/reporting/notification.py",
        "display_text(line, None) for line in lines",
        "line for line in lines",
        ("tests/unit/kernel/test_notifications.py",),
    ),
    Mutant(
        "a text of a producer is a formula in a spreadsheet",
        "cli/views/showing.py",
        """return f"'{text}" if text.lstrip().startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text""",
        "return text",
        ("tests/cli/test_hostile_texts.py", "-k", "spreadsheet or number"),
    ),
    Mutant(
        "the local Step Functions catch what is too large with everything else",
        "local/aws/step_functions_limits.py",
        "return error in error_equals if error == ERROR else bool(matches(error_equals, error))",
        "return bool(matches(error_equals, error))",
        ("tests/step_functions/test_limits.py",),
    ),
)

QUICK = tuple(mutant for mutant in MUTANTS if mutant.runs_on == "local" and mutant.minutes <= 15)


def copy_of_the_tree(folder: Path) -> None:
    """The files that git knows or would take, and links to the environments."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for environment, _ in ENVIRONMENTS.values():
        (folder / environment).symlink_to(ROOT / environment)


def survives(mutant: Mutant, folder: Path) -> str:
    """Apply the mutant to the copy, run its tests, take it back.

    Returns:
        Empty when a test has failed, as it should; else what happened instead.
    """
    file = folder / mutant.file
    whole = file.read_text()
    if whole.count(mutant.find) != 1:
        return f"its text is {whole.count(mutant.find)} times in {mutant.file}, expected once"
    file.write_text(whole.replace(mutant.find, mutant.put))
    environment, path = ENVIRONMENTS[mutant.runs_on]
    below = os.pathsep.join(str(folder / each) for each in path.split(":"))
    environ = {**os.environ, "PYTHONPATH": below, "PYTHONDONTWRITEBYTECODE": "1"}
    environ.pop("NO_SKIPS", None)
    if mutant.runs_on == "glue":
        java = subprocess.run(
            [f"{environment}/bin/python", "local/java.py"], cwd=folder, capture_output=True, text=True, check=True
        )
        environ["JAVA_HOME"] = java.stdout.strip()
    command = [f"{environment}/bin/python", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *mutant.tests]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60 * mutant.minutes, check=False
        )
    finally:
        file.write_text(whole)
    if done.returncode == 1:  # pytest's code for "tests were run, and some failed"
        return ""
    return f"no test failed (exit code {done.returncode})\n{done.stdout[-1500:]}{done.stderr[-500:]}"


def main() -> int:
    """Try every mutant; the names given as arguments narrow it to those that contain one."""
    chosen = [mutant for mutant in MUTANTS if not sys.argv[1:] or any(word in mutant.name for word in sys.argv[1:])]
    alive = 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        copy_of_the_tree(Path(name))
        for number, mutant in enumerate(chosen, start=1):
            began = time.monotonic()
            problem = survives(mutant, Path(name))
            alive += bool(problem)
            said = f"SURVIVED: {problem}" if problem else "caught"
            print(f"{number:2}/{len(chosen)} {mutant.name}: {said} ({time.monotonic() - began:.0f} s)", flush=True)
    print(f"{len(chosen) - alive} of {len(chosen)} mutants were caught.")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
