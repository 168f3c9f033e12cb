"""CloudFormation client for one stack at a time: change sets, their execution, and events."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from infra.deployer.errors import DeploymentError
from infra.deployer.stack_events import StackEvents, line

POLL_SECONDS = 5.0
CHANGE_SET = "ledgerlake-deploy"
ABSENT = "absent"
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
_UNMADE = ("ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS", "DELETE_COMPLETE", ABSENT)
"""A stack in such a state has no resource: it is made, not updated."""
_STUCK = ("ROLLBACK_FAILED", "UPDATE_ROLLBACK_FAILED", "DELETE_FAILED", "CREATE_FAILED")
_NOTHING = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True)
class Change:
    """What happens to one resource.

    Args:
        action: Add, Modify or Remove.
        replaced: it becomes another one.
    """

    action: str
    resource: str
    kind: str
    replaced: bool = False


@dataclass(frozen=True)
class ChangeSet:
    """What an execution of it would do; none: the stack is as it should be."""

    stack: str
    creates: bool
    changes: tuple[Change, ...]


class CloudFormation:
    """CloudFormation as a deployment uses it.

    Args:
        client: of boto3.
        say: receives a line for every event of a resource.
    """

    def __init__(self, client: Any, say: Callable[[str], None], poll_seconds: float = POLL_SECONDS) -> None:
        self._client, self._say, self._poll = client, say, poll_seconds

    def state(self, stack: str) -> str:
        """Its status, or `absent`."""
        found = self._describe(stack)
        return str(found["StackStatus"]) if found else ABSENT

    def exists(self, stack: str) -> bool:
        """Return whether the stack exists."""
        return self.state(stack) not in _UNMADE

    def values(self, stack: str) -> dict[str, str]:
        """Return the parameters of the deployed stack; none if it is not deployed."""
        found = (self._describe(stack) or {}).get("Parameters", [])
        return {each["ParameterKey"]: each.get("ParameterValue", "") for each in found} if self.exists(stack) else {}

    def outputs(self, stack: str) -> dict[str, str]:
        """Return the outputs of the stack."""
        found = self._describe(stack) or {}
        return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}

    def prepare(
        self, stack: str, template: Mapping[str, str], parameters: Mapping[str, str], role: str | None = None
    ) -> ChangeSet:
        """Make the change set, which changes nothing yet.

        Args:
            template: {"TemplateURL": …} or {"TemplateBody": …}.
            role: with whose permissions CloudFormation works, where it is not with those of the caller.

        Raises:
            DeploymentError: CloudFormation refuses it, or the stack is in a state that needs manual repair.
        """
        self._ready(stack)
        creates = not self.exists(stack)
        self.forget(stack)
        self._client.create_change_set(
            StackName=stack,
            ChangeSetName=CHANGE_SET,
            ChangeSetType="CREATE" if creates else "UPDATE",
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
            Capabilities=_CAPABILITIES,
            Description="ledgerlake deploy",
            **({"RoleARN": role} if role else {}),
            **template,
        )
        changes = tuple(self._changes(stack))
        if not changes:
            self.forget(stack)
        return ChangeSet(stack, creates, changes)

    def forget(self, stack: str) -> None:
        """Remove the change set that was prepared, and the empty stack that goes with it."""
        if self.state(stack) == "REVIEW_IN_PROGRESS":
            self._client.delete_stack(StackName=stack)
            self._settle(stack)
        elif self.exists(stack):
            with contextlib.suppress(self._client.exceptions.ChangeSetNotFoundException):
                self._client.delete_change_set(StackName=stack, ChangeSetName=CHANGE_SET)

    def execute(self, prepared: ChangeSet) -> None:
        """Do it, and wait for its end.

        Raises:
            DeploymentError: names the first resource that failed, and why; CloudFormation has taken the rest back.
        """
        if not prepared.changes:
            return
        stack_id, events = self._watch(prepared.stack)
        self._client.execute_change_set(StackName=prepared.stack, ChangeSetName=CHANGE_SET)
        state = self._settle(stack_id, events)
        if state not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise DeploymentError(
                f"{prepared.stack} is {state}: {events.cause()}",
                expected="CREATE_COMPLETE or UPDATE_COMPLETE; what had been changed was taken back",
            )

    def delete(self, stack: str) -> None:
        """Remove the stack; what its template retains stays.

        Raises:
            DeploymentError: a resource could not be removed.
        """
        if self.state(stack) == ABSENT:
            return
        stack_id, events = self._watch(stack)
        self._client.delete_stack(StackName=stack)
        state = self._settle(stack_id, events)
        if state not in ("DELETE_COMPLETE", ABSENT):
            raise DeploymentError(f"{stack} is {state}: {events.cause()}", expected="a removed stack")

    def resources(self, stack: str, kind: str) -> list[str]:
        """Return the physical ids of the stack's resources of one type."""
        pages = self._client.get_paginator("list_stack_resources").paginate(StackName=stack)
        found = [each for page in pages for each in page["StackResourceSummaries"]]
        return [each["PhysicalResourceId"] for each in found if each["ResourceType"] == kind]

    def _ready(self, stack: str) -> None:
        """Wait for the end of another deployment, and clear away a creation that failed."""
        state = self._settle(stack) if self.state(stack) != "REVIEW_IN_PROGRESS" else ABSENT
        if state == "ROLLBACK_COMPLETE":
            self._say(f"{stack}: its creation had failed; it is removed, to be made anew")
            self.delete(stack)
        if state in _STUCK:
            raise DeploymentError(
                f"{stack} is {state}: {StackEvents(self._client, stack, every=True).cause()}",
                expected="a stack that can be changed",
                remedy=f"fix the cause, then: aws cloudformation "
                f"{'continue-update-rollback' if state.startswith('UPDATE') else 'delete-stack'} --stack-name {stack}",
            )

    def _describe(self, stack: str) -> dict[str, Any] | None:
        try:
            found = self._client.describe_stacks(StackName=stack)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return found[0] if found else None

    def _changes(self, stack: str) -> Iterator[Change]:
        found = self._client.describe_change_set(StackName=stack, ChangeSetName=CHANGE_SET)
        while found["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            time.sleep(min(1.0, self._poll))
            found = self._client.describe_change_set(StackName=stack, ChangeSetName=CHANGE_SET)
        reason = found.get("StatusReason", "")
        if found["Status"] == "FAILED" and not any(each in reason for each in _NOTHING):
            raise DeploymentError(f"CloudFormation refuses the change of {stack}: {reason}", expected="a change set")
        while True:
            for each in found.get("Changes", []):
                yield _change(each["ResourceChange"])
            if not found.get("NextToken"):
                return
            found = self._client.describe_change_set(
                StackName=stack, ChangeSetName=CHANGE_SET, NextToken=found["NextToken"]
            )

    def _settle(self, stack: str, events: StackEvents | None = None) -> str:
        """Wait for the end of what goes on with the stack, telling what happens to its resources."""
        while True:
            state = self.state(stack)
            for event in events.fresh() if events else []:
                self._say(line(event))
            if not state.endswith("IN_PROGRESS"):
                return state
            time.sleep(self._poll)

    def _watch(self, stack: str) -> tuple[str, StackEvents]:
        """Its id, by which it is found also when it is gone, and its events from now on."""
        stack_id = (self._describe(stack) or {}).get("StackId", stack)
        return stack_id, StackEvents(self._client, stack_id)


def _change(found: Mapping[str, Any]) -> Change:
    return Change(
        found["Action"], found["LogicalResourceId"], found["ResourceType"], replaced=found.get("Replacement") == "True"
    )
