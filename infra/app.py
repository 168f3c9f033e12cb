"""The CDK application: the stacks, and the rules of AWS Solutions that they are held to."""

from __future__ import annotations

from collections.abc import Callable

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from infra.airflow_stack import AirflowStack
from infra.data_plane import DataPlane
from infra.delivery import Delivery
from infra.exceptions import accept
from infra.guardrails import Guardrails

STACKS: tuple[Callable[[cdk.App], cdk.Stack], ...] = (Delivery, DataPlane, AirflowStack, Guardrails)
_FLAGS = {
    "aws:cdk:enable-path-metadata": False,
    "aws:cdk:version-reporting": False,
    # without it the log bucket would need ACLs, which its ownership setting forbids
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True,
}


def application(outdir: str | None = None) -> cdk.App:
    """The app, not yet synthesised; `outdir` takes the templates and the reports on the rules."""
    app = cdk.App(
        outdir=outdir,
        analytics_reporting=False,
        context=_FLAGS,
        builtin_cloud_formation_validation=False,  # cfn-lint does it; this one takes minutes over roles of many lines
    )
    for make in STACKS:
        accept(make(app))
    cdk.Aspects.of(app).add(AwsSolutionsChecks(reports=True, verbose=True))
    return app


if __name__ == "__main__":
    application().synth()
