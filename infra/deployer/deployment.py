"""A deployment: what it would change, and its steps, each of which does nothing when it was done before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from infra.deployer import zones
from infra.deployer.cloudformation import Change, ChangeSet, CloudFormation
from infra.deployer.files import PINNED, ArtifactBucket, Difference
from infra.deployer.stacks import AIRFLOW, DATA_PLANE, DELIVERY, STACKS, Stack, parameters
from infra.environments import ENVIRONMENTS
from infra.release.distribution import TEMPLATES, Distribution
from ledgerlake import names
from ledgerlake.contracts import DATASETS
from ledgerlake.settings import Settings

NOT_YET = "not-uploaded-yet"
"""Stands for the version of an object in a plan: any other value is a change."""
_INLINE = 51_200
"""Bytes of a template that CloudFormation takes without a bucket."""
_DENIED = ("AccessDenied", "AccessDeniedException")
Step = tuple[str, Callable[[], None]]


@dataclass(frozen=True)
class PlannedStack:
    """What would happen to one stack.

    Args:
        created: so many resources, when it is not there yet.
        changes: when it is.
    """

    stack: Stack
    created: int = 0
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Planned:
    """What would happen: nothing, where an environment is as the tree says."""

    stacks: tuple[PlannedStack, ...]
    files: Difference

    @property
    def nothing(self) -> bool:
        """Return whether nothing would change."""
        return self.files == Difference() and not any(each.created or each.changes for each in self.stacks)

    def of(self, stack: Stack) -> PlannedStack:
        """Return the plan of one stack."""
        return next(each for each in self.stacks if each.stack == stack)


@dataclass
class Deployment:
    """One environment of one account, and the distribution that goes there.

    Args:
        client: client("s3") → a client of boto3.
        say: receives a line for everything that takes time.
    """

    settings: Settings
    built: Distribution
    bucket: ArtifactBucket
    client: Callable[[str], Any]
    say: Callable[[str], None]
    poll_seconds: float = 5.0
    _versions: dict[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.cloudformation = CloudFormation(self.client("cloudformation"), self.say, self.poll_seconds)

    def plan(self) -> Planned:
        """Compare with what is there. Writes nothing but the templates that CloudFormation compares.

        Raises:
            DeploymentError: Airflow cannot be deployed in this region, or a stack is in a state that needs repair.
        """
        self.known()
        files = self.bucket.difference(self.built)
        if self.bucket.exists():
            self.bucket.send_templates(self.built)
        return Planned(tuple(self._compare(stack, files) for stack in STACKS), files)

    def steps(self) -> Iterator[Step]:
        """Yield the steps in order; each may be repeated at any time."""
        yield f"stack {DELIVERY.name}", partial(self._deploy, DELIVERY)
        yield "upload the release", partial(self.bucket.send_release, self.built)
        yield f"stack {DATA_PLANE.name}", partial(self._deploy, DATA_PLANE)
        yield "upload plugins and requirements", self._send_pinned
        if not self.cloudformation.exists(AIRFLOW.name):
            yield "fill the DAG folder", self._synchronise  # before there is an Airflow to read half of it
        yield f"stack {AIRFLOW.name}", partial(self._deploy, AIRFLOW)
        yield "synchronise the DAG folder", self._synchronise
        for stack in STACKS[STACKS.index(AIRFLOW) + 1 :]:
            yield f"stack {stack.name}", partial(self._deploy, stack)

    def known(self) -> dict[str, str]:
        """Every value that a template may ask for, as far as it is known now."""
        outputs = [self.cloudformation.outputs(stack.name) for stack in STACKS]
        airflow = self.cloudformation.values(AIRFLOW.name)
        data_plane = self.cloudformation.values(DATA_PLANE.name)
        return {
            **{name: value for each in outputs for name, value in each.items()},
            **{name: airflow[name] for name in PINNED if name in airflow},
            **self._versions,
            **self._github(),
            **({"TablesLoaded": "yes"} if self._tables_are_there() else {}),
            "Environment": self.settings.environment,
            "ArtifactBucket": self.bucket.name,
            "Release": self.built.release.name,
            # who consumes the queue is chosen by `ledgerlake orchestrator use`, not by a deployment
            "Orchestrator": data_plane.get("Orchestrator", self.settings.orchestrator),
            # other zones would be another network, and that another environment
            "Zones": airflow.get("Zones") or ",".join(zones.choose(self.client("ec2"), self.settings.region)),
        }

    def _compare(self, stack: Stack, files: Difference) -> PlannedStack:
        template = stack.template(self.built.folder)
        if not self.cloudformation.exists(stack.name):
            return PlannedStack(stack, created=len(template["Resources"]))
        known = self.known() | {name: NOT_YET for name, key in PINNED.items() if key in files.pinned}
        prepared = self._prepare(stack, known)
        if prepared.changes:
            self.cloudformation.forget(stack.name)
        return PlannedStack(stack, changes=prepared.changes)

    def _deploy(self, stack: Stack) -> None:
        prepared = self._prepare(stack, self.known())
        if not prepared.changes:
            self.say(f"{stack.name} is up to date")
        self.cloudformation.execute(prepared)

    def _prepare(self, stack: Stack, known: Mapping[str, str]) -> ChangeSet:
        """With the role that the delivery stack made for it: only that one may make and change roles.

        What nobody says anew stays as it was deployed: CloudFormation would take the template's default.
        """
        before = self.cloudformation.values(stack.name)
        values = parameters(stack, stack.template(self.built.folder), {**before, **known})
        role = None if stack == DELIVERY else known.get("CloudFormationRoleArn")
        try:
            return self.cloudformation.prepare(stack.name, self._located(stack), values, role)
        except ClientError as error:
            if stack != DELIVERY or not before or error.response["Error"]["Code"] not in _DENIED:
                raise
            # it holds the limits of who deploys, so it is an administrator's to change
            self.say(f"{stack.name} is left as it is: {error.response['Error'].get('Message')}")
            return ChangeSet(stack.name, creates=False, changes=())

    def _located(self, stack: Stack) -> dict[str, str]:
        """Return where the template is; the first stack creates the bucket that holds the others."""
        key = f"{TEMPLATES}{stack.file}"
        body = json.dumps(stack.template(self.built.folder), separators=(",", ":"))  # spaces count too
        if len(body.encode()) <= _INLINE:
            return {"TemplateBody": body}
        return {"TemplateURL": self.bucket.template_url(self.built, key)}

    def _send_pinned(self) -> None:
        self._versions = self.bucket.send_pinned(self.built)

    def _synchronise(self) -> None:
        done = self.bucket.synchronise_dags(self.built)
        self.say(f"{len(done.changed)} files uploaded, {len(done.removed)} removed")

    def _github(self) -> dict[str, str]:
        """Who may deploy from GitHub, as `infra.environments` says."""
        chosen = ENVIRONMENTS[self.settings.environment].delivery
        return {
            "GitHubRepository": chosen.repository or "",
            "GitHubBranch": chosen.branch,
            "GitHubEnvironment": chosen.github_environment,
        }

    def _tables_are_there(self) -> bool:
        """Return whether a batch has been loaded: permissions on columns can be granted only then."""
        glue = self.client("glue")
        try:
            pages = glue.get_paginator("get_tables").paginate(DatabaseName=names.DATABASE)
            return {table["Name"] for page in pages for table in page["TableList"]} >= set(DATASETS)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("EntityNotFoundException", *_DENIED):
                return False  # who may not look leaves it as it was deployed
            raise
