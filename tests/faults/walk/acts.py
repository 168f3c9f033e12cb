"""What producers, people and machines do to a lake on a random walk, whoever runs its pipeline."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import producers
from botocore.exceptions import ClientError
from judge import Put
from whole_lake import Lake, job_processes, kill_aws

from ledgerlake.contracts import DATASETS
from ledgerlake.keys import BATCHES, LEASE, RAW


@dataclass
class Walk:
    """A lake on its way, and everything that was delivered to it.

    Args:
        puts: the deliveries, oldest first.
        owed: parts that were killed, which nobody restarts but `ledgerlake up`.
    """

    lake: Lake
    puts: list[Put] = field(default_factory=list)

    def put(self, file: producers.File) -> None:
        """Deliver a file of a dataset."""
        key = RAW + file.name
        answer = self.lake.client("s3").put_object(Bucket=self.lake.bucket, Key=key, Body=file.body.encode())
        self.puts.append((key, answer["VersionId"], file.body))


Act = Callable[[Walk, Random], str]
"""Does something; returns what it was, in words."""


def deliver(walk: Walk, chance: Random) -> str:
    """Up to three files, some of them under a name that waits already."""
    files = [producers.file(chance) for _ in range(chance.randint(1, 3))]
    for file in files:
        walk.put(file)
    return f"deliver {', '.join(f'{file.name} ({len(file.body.splitlines()) - 1} rows)' for file in files)}"


def stray(walk: Walk, chance: Random) -> str:
    """A file outside every dataset's folder, or one that is no delivery."""
    name = chance.choice((*producers.STRAYS, *producers.MARKERS))
    walk.lake.client("s3").put_object(Bucket=walk.lake.bucket, Key=RAW + name, Body=b"nothing of ours\n")
    return f"put {name}"


def odd_message(walk: Walk, chance: Random) -> str:
    """A message that no S3 sends, or one that was sent before."""
    body = chance.choice([each for each in producers.ODD_MESSAGES if each])
    walk.lake.client("sqs").send_message(QueueUrl=walk.lake.places.queue_url, MessageBody=body)
    return f"send the message {body!r:.80}"


def delete_control(walk: Walk, chance: Random) -> str:
    """One control object is gone."""
    key = _control_key(walk.lake, chance)
    if key is None:
        return "delete no control object: there is none"
    walk.lake.client("s3").delete_object(Bucket=walk.lake.bucket, Key=key)
    return f"delete {key}"


def damage_control(walk: Walk, chance: Random) -> str:
    """One control object holds something else."""
    key = _control_key(walk.lake, chance)
    if key is None:
        return "damage no control object: there is none"
    s3 = walk.lake.client("s3")
    try:
        whole = s3.get_object(Bucket=walk.lake.bucket, Key=key)["Body"].read()
    except ClientError:
        return f"damage {key}: it is gone"
    body = chance.choice((b"", whole[: len(whole) // 2], b"[]", b"{}", b"null", b"\xff\xfe{", b'{"holder": 1}'))
    s3.put_object(Bucket=walk.lake.bucket, Key=key, Body=body)
    return f"damage {key}: {body[:20]!r}"


def dead_holder(walk: Walk, chance: Random) -> str:
    """The lease of a run that nobody knows, as a program that has died may leave it."""
    now = datetime.now(UTC)
    stamp = [f"{each:%Y-%m-%dT%H:%M:%S.%f}Z" for each in (now, now + timedelta(seconds=chance.randint(5, 600)))]
    holder = chance.choice(("step_functions:walk-unknown", "airflow:ecommerce_lakehouse_by_date/manual__unknown"))
    body = {"holder": holder, "since": stamp[0], "expires_at": stamp[1]}
    walk.lake.client("s3").put_object(Bucket=walk.lake.bucket, Key=LEASE, Body=json.dumps(body).encode())
    return f"the lease is {holder}'s until {stamp[1]}"


def kill_local_aws(walk: Walk, chance: Random) -> str:
    """Killed and, as nobody can do anything without it, started again."""
    kill_aws(walk.lake)
    walk.lake.do("up")
    return "kill the local AWS, and start it again"


def kill_a_job(walk: Walk, chance: Random) -> str:
    """A Glue job that is at work, if there is one."""
    jobs = [job for name in DATASETS for job in job_processes(walk.lake, DATASETS[name].job)]
    if not jobs:
        return "kill no job: none is at work"
    victim = chance.choice(jobs)
    victim.kill()
    return f"kill the job of process {victim.pid}"


COMMON: dict[Act, int] = {
    deliver: 10,
    stray: 1,
    odd_message: 2,
    delete_control: 2,
    damage_control: 2,
    dead_holder: 1,
    kill_local_aws: 1,
    kill_a_job: 2,
}
"""How often each is drawn."""


def _control_key(lake: Lake, chance: Random) -> str | None:
    keys = [*lake.keys("control/"), *lake.keys(BATCHES)]
    keys += [key for key in lake.keys("staging/") if key.endswith(".json")]
    return chance.choice(sorted(keys)) if keys else None
