"""Crash anywhere: a process is really killed at a boundary, the next try completes, and nothing shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from between import Request
from boundaries import ARCHIVING, FIRST_BATCH, JOB, PLANNING, SHORT
from pictures import picture
from published import publish, remove_published
from shop import item, items, order, orders, product, products
from spark_lake import Lake, later
from templates import copy_of, prepared
from victims import Boundary, NeverReached, kill_at

from ledgerlake.archive.move import archive
from ledgerlake.intake.deliveries import waiting
from ledgerlake.planning import batch
from ledgerlake.planning.batch import Batch
from ledgerlake.settings import Settings
from ledgerlake_glue import job

pytestmark = pytest.mark.timeout(3600)  # a whole process of Spark for each, on machines that may be busy
SETTINGS = Settings(gate="any")


@dataclass
class Scene:
    """A lake just before the job of `order_items` in its second batch, and what becomes of it undisturbed."""

    lake: Lake
    batch_id: str
    undisturbed: dict[str, Any]

    def again(self) -> tuple[Lake, Batch]:
        """The same lake once more."""
        copy = copy_of(self.lake)
        return copy, batch.load(copy.s3, copy.bucket, self.batch_id)


@pytest.fixture(scope="module")
def scene(spark):
    lake = Lake(spark, SETTINGS)
    planned = prepared(lake)
    for name in ("products", "orders"):
        lake.job(name, planned.batch_id)
    found = Scene(lake, planned.batch_id, {})
    copy, planned = found.again()
    finish(copy, planned)
    found.undisturbed = picture(copy)
    return found


@pytest.fixture
def kill(s3_endpoint, tmp_path):
    """`kill(lake, boundary, batch_id)` runs a step in a process of its own and kills it at the boundary."""
    return lambda lake, boundary, batch_id: kill_at(boundary, s3_endpoint, lake.bucket, batch_id, tmp_path)


def finish(lake: Lake, planned: Batch) -> None:
    """What is left of the batch: the job of `order_items`, archive, acknowledge."""
    only = Batch(planned.batch_id, planned.planned_at, ("order_items",), planned.deliveries)
    lake.run(only)


def test_the_second_batch_gives_every_step_something_to_do(scene):
    """Else a crash at a boundary would prove nothing."""
    entries = "".join(entry for entry in scene.undisturbed["ledger"] if "order_items" in entry and "batch 1" in entry)
    for fate in ("restored", "released", "inserted", "updated", "unchanged", "superseded", "rejected", "parked"):
        assert any(f'"{fate}": {number}' in entries for number in (1, 2)), fate
    assert '"withdrawn": 1' in entries
    assert len(scene.undisturbed["rejected order_items"]) == 4
    assert len(scene.undisturbed["parked order_items"]) == 4


@pytest.mark.parametrize(
    "boundary", [pytest.param(JOB[name], marks=() if name in SHORT else pytest.mark.long, id=name) for name in JOB]
)
def test_a_job_that_is_killed_is_completed_by_the_next_try(scene, kill, boundary):
    lake, planned = scene.again()
    kill(lake, boundary, planned.batch_id)
    finish(lake, planned)
    assert picture(lake) == scene.undisturbed


@pytest.mark.long
def test_a_job_that_is_killed_twice_is_completed_by_the_third_try(scene, kill):
    lake, planned = scene.again()
    kill(lake, JOB["after the commit of the MERGE"], planned.batch_id)
    kill(lake, JOB["half-way through the parking"], planned.batch_id)
    finish(lake, planned)
    assert picture(lake) == scene.undisturbed


@pytest.mark.long
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("while the rows are being staged", "after the stage"),
        ("after the stage", "half-way through the rejects"),
        ("half-way through the rejects", "half-way through the rejects"),
        ("after the table's new files, before their commit", "after the commit of the MERGE"),
        ("half-way through the parking", "after the ledger, before the mark is taken away"),
    ],
)
def test_two_kills_wherever_they_fall_are_made_good(scene, kill, first, second):
    lake, planned = scene.again()
    kill(lake, JOB[first], planned.batch_id)
    kill(lake, JOB[second], planned.batch_id)
    finish(lake, planned)
    assert picture(lake) == scene.undisturbed


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("after the commit of the MERGE", "the killed one"),
        ("after the stage", "the other one"),
        ("after the mark that publishing has begun", "the killed one"),
        ("half-way through the rejects", "the killed one"),
        ("half-way through the parking", "the killed one"),
    ],
)
@pytest.mark.long
def test_another_batch_may_run_before_the_killed_one_goes_on(scene, kill, name, first):
    """What has begun to be published is completed first, by whoever comes; what has not, waits its turn."""
    killed, planned = scene.again()
    kill(killed, JOB[name], planned.batch_id)
    finish(killed, another(killed))
    finish(killed, planned)

    calm, planned = scene.again()
    other = another(calm)
    for each in (planned, other) if first == "the killed one" else (other, planned):
        finish(calm, each)
    assert picture(killed) == picture(calm)


def another(lake: Lake) -> Batch:
    """A later batch that touches the same keys and the same parking, planned beside the open one."""
    known = {
        each.id
        for name in batch.open_batches(lake.s3, lake.bucket)
        for each in batch.load(lake.s3, lake.bucket, name).deliveries
    }
    lake.deliver(
        "order_items", "2025-04-09.csv", items(item(100, 10), item(120, 10), item(105, 11), item(111, 97), "z")
    )
    new = tuple(each for each in waiting(lake.s3, lake.bucket).deliveries if each.key.endswith("2025-04-09.csv"))
    assert not known & {each.id for each in new}
    return batch.make(lake.s3, lake.bucket, new, "another", {"products", "orders", "order_items"}, later())


@pytest.mark.long
def test_a_file_that_is_deleted_after_its_rows_were_staged_holds_up_nothing(scene, monkeypatch):
    """Its rejected rows are known with their reasons; only their text is gone with it."""
    lake, planned = scene.again()
    with monkeypatch.context() as dying:
        dying.setattr(job, "publish", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            lake.job("order_items", planned.batch_id)
    (deleted,) = (each for each in planned.deliveries if each.key.endswith("order_items/2025-04-02-a.csv"))
    lake.s3.delete_object(Bucket=lake.bucket, Key=deleted.key, VersionId=deleted.version_id)
    finish(lake, planned)
    found = picture(lake)
    assert [table for table in found if found[table] != scene.undisturbed[table]] == [
        "rejected order_items",
        "archived",
    ]
    rejected = [row for part in found["rejected order_items"] for row in part if deleted.key in row]
    assert len(rejected) == 1
    assert '"original": null, "reasons": ["not_bigint: id=x"' in rejected[0]


@pytest.mark.parametrize("boundary", FIRST_BATCH.values(), ids=FIRST_BATCH)
@pytest.mark.long
def test_the_job_of_a_first_batch_that_is_killed_is_completed_by_the_next_try(spark, kill, boundary):
    def first_batch() -> tuple[Lake, Batch]:
        lake = Lake(spark, SETTINGS)
        lake.deliver("products", "a.csv", products(product(1), product(2), "x"))
        return lake, lake.plan()

    killed, planned = first_batch()
    kill(killed, boundary, planned.batch_id)
    killed.run(planned)
    calm, planned = first_batch()
    calm.run(planned)
    assert picture(killed) == picture(calm)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("inside", "step"), [(False, 1), (True, 10)], ids=["every change", "every tenth of the stage"])
def test_whatever_the_job_writes_it_may_be_killed_before_it(scene, kill, inside, step):
    """Before the first change, the second, …, until a try ends by itself because it makes no more of them."""
    number, killed = step, True
    while killed:
        lake, planned = scene.again()
        killed = _is_killed(kill, lake, _NthChange("order_items", "before", "", number, inside=inside), planned)
        finish(lake, planned)
        assert picture(lake) == scene.undisturbed, f"killed before change {number}"
        number += step
    assert number > 3 * step, "there was hardly a change to be killed before"


def _is_killed(kill, lake, boundary, planned) -> bool:
    try:
        kill(lake, boundary, planned.batch_id)
    except NeverReached as ended:
        if "rows_read" not in ended.said:
            raise
        return False
    return True


@dataclass(frozen=True)
class _NthChange(Boundary):
    """The n-th request that changes something, inside of the stage or outside."""

    inside: bool = False

    def matches(self, request: Request) -> bool:
        if request.method in ("GET", "HEAD"):
            return False
        return str(request).startswith(("PUT staging", "COPY staging", "POST")) == self.inside


@pytest.fixture(scope="module")
def without_jobs(s3_endpoint):
    """What becomes of a lake whose jobs have nothing to do, undisturbed."""
    lake = waiting_lake()
    for step in ("plan", "archive", "acknowledge"):
        go_on(lake, step)
    return picture(lake)


def waiting_lake() -> Lake:
    lake = Lake(None, SETTINGS)
    for name in "abcdefghi":
        lake.deliver("products", f"{name}.csv", products(product(1)))
        lake.deliver("orders", f"{name} é+.csv", orders(order(1)))
    return lake


def go_on(lake: Lake, step: str) -> None:
    if step == "plan":
        lake.plan()
    for batch_id in batch.open_batches(lake.s3, lake.bucket):
        if step == "archive":
            archive(lake.s3, lake.bucket, batch.load(lake.s3, lake.bucket, batch_id))
        if step == "acknowledge":
            batch.close(lake.s3, lake.bucket, batch_id)


@pytest.mark.parametrize("boundary", [*PLANNING.values(), *ARCHIVING.values()], ids=[*PLANNING, *ARCHIVING])
def test_a_plan_or_an_archive_that_is_killed_is_completed_by_the_next_try(kill, boundary, without_jobs):
    lake = waiting_lake()
    steps = ["plan", "archive", "acknowledge"]
    for step in steps[: steps.index(boundary.step)]:
        go_on(lake, step)
    batch_id = next(iter(batch.open_batches(lake.s3, lake.bucket)), "")
    if boundary.step == "archive":
        publish(lake.s3, lake.bucket, batch.load(lake.s3, lake.bucket, batch_id))  # nothing else is archived
    kill(lake, boundary, batch_id)
    for step in steps[steps.index(boundary.step) :]:
        go_on(lake, step)
    remove_published(lake.s3, lake.bucket)
    assert picture(lake) == without_jobs
