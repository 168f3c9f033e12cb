"""What checkov and the search for secrets may find, each with its reason; cdk-nag's is in `infra.exceptions`.

An entry that nothing is found for any more is an error, as is one without a reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Accepted:
    """One kind of finding.

    Args:
        rule: checkov's id, or the kind of secret.
        where: pattern of the resource as `<template>:<type>.<logical id>`, or of the file.
        reason: why it may stay.
    """

    rule: str
    where: str
    reason: str

    def __post_init__(self) -> None:
        if len(self.reason.split()) < 4:
            raise ValueError(f"{self.rule} at {self.where} is accepted because {self.reason!r}; expected a sentence")

    def covers(self, rule: str, where: str) -> bool:
        """Return whether the entry accepts the finding."""
        return rule == self.rule and fnmatchcase(where, self.where)


_LOGS = "CloudWatch Logs encrypts them with a key of its own; they hold counts, keys and errors, never rows."

CHECKOV = (
    Accepted(
        "CKV_AWS_18",
        "*:AWS::S3::Bucket.*AccessLogs*",
        "It is the bucket of access logs itself: its own log would grow by what it writes.",
    ),
    Accepted(
        "CKV_AWS_33",
        "ledgerlake-delivery:AWS::KMS::Key.ArtifactsKey*",
        "Whoever may use the artifact bucket may use its key, as with AWS's own key for S3: conditions ask for this "
        "account, for S3, and for that bucket.",
    ),
    Accepted(
        "CKV_AWS_111",
        "ledgerlake-delivery:AWS::IAM::ManagedPolicy.ExecutionBoundary*",
        "A boundary gives nothing by itself: it says what no role may exceed.",
    ),
    Accepted(
        "CKV_AWS_195",
        "ledgerlake-data-plane:AWS::Glue::*",
        "What the jobs write to S3 is encrypted by the bucket with the lake's key. A security configuration would "
        "add keys for logs and bookmarks: there are no bookmarks, and " + _LOGS,
    ),
    Accepted("CKV_AWS_158", "ledgerlake-data-plane:AWS::Logs::LogGroup.*", _LOGS),
    Accepted(
        "CKV_AWS_116",
        "ledgerlake-data-plane:AWS::Lambda::Function.*",
        "They are called by the state machine, which handles their errors, or by the queue, which has dead letters; "
        "the clock calls again within minutes.",
    ),
    Accepted(
        "CKV_AWS_117",
        "ledgerlake-data-plane:AWS::Lambda::Function.*",
        "They speak to AWS's own services only, each by TLS and by permissions; there is nothing in a network that "
        "they would reach.",
    ),
    Accepted(
        "CKV_AWS_115",
        "ledgerlake-data-plane:AWS::Lambda::Function.*",
        "The lease lets one batch be at work at a time, and the queue's mapping has at most two calls; a reserve "
        "would take away from the account's other functions.",
    ),
    Accepted(
        "CKV_AWS_173",
        "ledgerlake-data-plane:AWS::Lambda::Function.*",
        "Their variables are names of buckets and topics, no secrets; Lambda encrypts them with its own key.",
    ),
)
_LOCAL = "The local AWS asks for some secret, and takes any: this one opens nothing."
_CHOSEN = "A password of a lake that lives for one test, on this machine alone."
SECRETS = (
    Accepted("Secret Keyword", "benchmarks/sandbox.py:*", _LOCAL),
    Accepted("Secret Keyword", "benchmarks/lake.py:*", _LOCAL),
    Accepted("Secret Keyword", "tests/airflow/conftest.py:*", "What moto is given, which asks for some secret."),
    Accepted("Secret Keyword", "tests/local_aws.py:*", _LOCAL),
    Accepted("Secret Keyword", "tests/spark_lake.py:*", _LOCAL),
    Accepted(
        "Secret Keyword",
        "docker-compose.yaml:6[56]",
        "They are commands that read the secret from the volume of state.",
    ),
    Accepted("Secret Keyword", "tests/cli/test_composed.py:*", _CHOSEN),
    Accepted("Secret Keyword", "tests/compose/conftest.py:*", _CHOSEN),
    Accepted("Secret Keyword", "tests/local/test_containers.py:*", _CHOSEN),
)


def left_over(accepted: tuple[Accepted, ...], found: list[tuple[str, str]]) -> list[Accepted]:
    """Return the entries that no longer match any finding; `found` is (rule, where)."""
    return [each for each in accepted if not any(each.covers(rule, where) for rule, where in found)]


def unexplained(accepted: tuple[Accepted, ...], found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the findings that no entry accepts."""
    return [each for each in found if not any(entry.covers(*each) for entry in accepted)]
