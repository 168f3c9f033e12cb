"""The files of a distribution in the artifact bucket: what differs, and bringing it there.

An object carries the SHA-256 of its content, so that nothing is sent twice and an unchanged
`plugins.zip` keeps its version: only another version makes MWAA update its environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from infra.release.distribution import AIRFLOW, DAGS, PLUGINS, REQUIREMENTS, TEMPLATES, Distribution

_DIGEST = "sha256"
PINNED = {"PluginsVersion": PLUGINS, "RequirementsVersion": REQUIREMENTS}
"""The parameters of Airflow's stack that name an object's version."""


@dataclass(frozen=True)
class Difference:
    """Between a distribution and the bucket, in keys.

    Args:
        release: of the artefacts and templates that are not there yet.
        changed: of `airflow/` that are new or have other content.
        removed: of the DAG folder that are in the bucket only.
    """

    release: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def dags(self) -> tuple[str, ...]:
        """The changed keys of the DAG folder."""
        return tuple(key for key in self.changed if key.startswith(DAGS))

    @property
    def pinned(self) -> tuple[str, ...]:
        """Return what MWAA reads only when its version changes."""
        return tuple(key for key in self.changed if key in PINNED.values())


@dataclass
class ArtifactBucket:
    """The bucket of one environment.

    Args:
        s3: a client of boto3.
        account: that must own it; a bucket of that name could be a stranger's.
    """

    s3: Any
    name: str
    account: str
    _owner: dict[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._owner = {"ExpectedBucketOwner": self.account}

    def exists(self) -> bool:
        """Return whether the bucket exists."""
        try:
            self.s3.head_bucket(Bucket=self.name, **self._owner)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchBucket"):
                return False
            raise
        return True

    def difference(self, built: Distribution) -> Difference:
        """Return what an upload and a synchronisation would change; everything if there is no bucket yet."""
        there = self._listing() if self.exists() else {}
        return Difference(
            release=tuple(key for key in release_keys(built) if stored_as(built, key) not in there),
            changed=tuple(key for key in built.below(AIRFLOW) if self._differs(key, built, there)),
            removed=tuple(sorted(key for key in there if key.startswith(DAGS) and key not in built.files)),
        )

    def _differs(self, key: str, built: Distribution, there: Mapping[str, int]) -> bool:
        """By its size first: only a key that has the same is asked for its digest."""
        return there.get(key) != built.path(key).stat().st_size or self._digest(key) != built.files[key]

    def send_release(self, built: Distribution) -> None:
        """Artefacts and templates, whose keys name their content."""
        self._send(built, release_keys(built))

    def send_templates(self, built: Distribution) -> None:
        """Upload the templates."""
        self._send(built, built.below(TEMPLATES))

    def _send(self, built: Distribution, keys: list[str]) -> None:
        there = self._listing()
        for key in keys:
            if stored_as(built, key) not in there:
                self._put(stored_as(built, key), built, key)

    def send_pinned(self, built: Distribution) -> dict[str, str]:
        """Plugins and requirements; returns the versions to run, by the parameter of the stack."""
        return {parameter: self._version(key, built) for parameter, key in PINNED.items()}

    def synchronise_dags(self, built: Distribution) -> Difference:
        """Make the DAG folder that of the distribution; returns what was done.

        Modules come before the DAGs that import them, and what is no longer there goes last.
        """
        found = self.difference(built)
        for key in sorted(found.dags, key=lambda key: (key.count("/") == DAGS.count("/"), key)):
            self._put(key, built, key)
        for key in found.removed:
            self.s3.delete_object(Bucket=self.name, Key=key, **self._owner)
        return Difference(changed=found.dags, removed=found.removed)

    def template_url(self, built: Distribution, key: str) -> str:
        """Where CloudFormation reads it: it is too long to be sent inline."""
        return f"{self.s3.meta.endpoint_url}/{self.name}/{stored_as(built, key)}"

    def _version(self, key: str, built: Distribution) -> str:
        if self._digest(key) != built.files[key]:
            return str(self._put(key, built, key)["VersionId"])
        return str(self.s3.head_object(Bucket=self.name, Key=key, **self._owner)["VersionId"])

    def _put(self, at: str, built: Distribution, key: str) -> Any:
        return self.s3.put_object(
            Bucket=self.name,
            Key=at,
            Body=built.path(key).read_bytes(),
            Metadata={_DIGEST: built.files[key]},
            **self._owner,
        )

    def _digest(self, key: str) -> str | None:
        try:
            found = self.s3.head_object(Bucket=self.name, Key=key, **self._owner)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return None
            raise
        return str(found["Metadata"].get(_DIGEST))

    def _listing(self) -> dict[str, int]:
        """Key → size."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, **self._owner)
        return {entry["Key"]: entry["Size"] for page in pages for entry in page.get("Contents", [])}


def release_keys(built: Distribution) -> list[str]:
    """Those whose stored key names their content: the artefacts of the release, and the templates."""
    return built.below(f"{built.release.name}/") + built.below(TEMPLATES)


def stored_as(built: Distribution, key: str) -> str:
    """Return the key in the bucket; templates of different content have different keys, as releases do."""
    if not key.startswith(TEMPLATES):
        return key
    return f"{TEMPLATES}{built.files[key][:16]}/{key.removeprefix(TEMPLATES)}"
