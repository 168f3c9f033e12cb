"""The CDK application: the stacks, and the rules of AWS Solutions that they are held to."""

from __future__ import annotations

from collections.abc import Callable

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks, NagPackSuppression, NagSuppressions

from infra.exceptions import EXCEPTIONS, Exceptions
from infra.stacks.airflow.stack import AirflowStack
from infra.stacks.cicd.stack import Delivery
from infra.stacks.data_plane.stack import DataPlane
from infra.stacks.guardrails.stack import Guardrails

STACKS: tuple[Callable[[cdk.App], cdk.Stack], ...] = (Delivery, DataPlane, AirflowStack, Guardrails)
_FLAGS = {
    "aws:cdk:enable-path-metadata": False,
    "aws:cdk:version-reporting": False,
    # without it the log bucket would need ACLs, which its ownership setting forbids
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True,
}


def application(outdir: str | None = None) -> cdk.App:
    """Return the app, not yet synthesised; `outdir` receives the templates and the rule reports."""
    app = cdk.App(
        outdir=outdir,
        analytics_reporting=False,
        context=_FLAGS,
        builtin_cloud_formation_validation=False,  # cfn-lint does it; this one takes minutes over roles of many lines
    )
    for make in STACKS:
        _accept(make(app))
    cdk.Aspects.of(app).add(AwsSolutionsChecks(reports=True, verbose=True))
    return app


def _accept(stack: cdk.Stack) -> None:
    """Record the exceptions with the stack that makes them; a new kind of wildcard is not among them."""
    accepted = EXCEPTIONS.get(stack.stack_name, Exceptions())
    rules = [NagPackSuppression(id=rule, reason=reason) for rule, reason in accepted.rules.items()]
    wildcards = [
        NagPackSuppression(id="AwsSolutions-IAM5", reason=reason, applies_to=[{"regex": f"/{pattern}/"}])
        for pattern, reason in ((pattern.replace("/", r"\/"), reason) for pattern, reason in accepted.wildcards.items())
    ]
    NagSuppressions.add_stack_suppressions(stack, [*rules, *wildcards])


if __name__ == "__main__":
    application().synth()
