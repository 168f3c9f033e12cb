"""Where the data plane departs from the AWS Solutions rules (cdk-nag), each with its reason."""

from __future__ import annotations

import aws_cdk as cdk
from cdk_nag import NagPackSuppression, NagSuppressions


def accept(stack: cdk.Stack) -> None:
    """Record the exceptions with the stack that makes them."""
    NagSuppressions.add_stack_suppressions(stack, [])
