"""The permissions that the parts of the data plane are composed of: one prefix, one way of use.

Every statement names its resources; what may end in `*` is a prefix of the lake, never the lake.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from aws_cdk import Aws, Fn
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from ledgerlake.reporting.metrics import NAMESPACE

READ = ("s3:GetObject",)
READ_VERSIONS = ("s3:GetObject", "s3:GetObjectVersion")
PUT = ("s3:PutObject",)
REPLACE = ("s3:GetObject", "s3:PutObject")
DELETE = ("s3:DeleteObject",)
WRITE = ("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject")


def allow(actions: Sequence[str], resources: Sequence[str], **more: Any) -> iam.PolicyStatement:
    """Allow the actions on the resources."""
    return iam.PolicyStatement(actions=list(actions), resources=list(resources), **more)


def objects(lake: s3.IBucket, prefixes: Iterable[str], actions: Sequence[str]) -> iam.PolicyStatement:
    """`actions` on the objects below each prefix that ends in a slash, else on the one of that key."""
    return allow(actions, [lake.arn_for_objects(_pattern(prefix)) for prefix in prefixes])


def names(lake: s3.IBucket, prefixes: Iterable[str]) -> iam.PolicyStatement:
    """List the keys below `prefixes`, and receive "404" for an object that is not there.

    S3 answers 403 to a reader of an absent object who may not list, and a read carries no prefix:
    hence "if exists". Who lists without a prefix sees names, never contents.
    """
    return _list("s3:ListBucket", lake, prefixes)


def versions(lake: s3.IBucket, prefix: str) -> iam.PolicyStatement:
    """List the versions below `prefix`, and receive "404" for a version that is not there."""
    return _list("s3:ListBucketVersions", lake, [prefix])


def history(lake: s3.IBucket, prefixes: Sequence[str]) -> list[iam.PolicyStatement]:
    """Read what control objects said before: one that somebody damaged or deleted is read as it was."""
    return [
        objects(lake, prefixes, ("s3:GetObjectVersion",)),
        _list("s3:ListBucketVersions", lake, prefixes),
    ]


def folders(lake: s3.IBucket, prefixes: Iterable[str]) -> iam.PolicyStatement:
    """Look at the folders above (and at) `prefixes`, as Hadoop does before it writes below them."""
    paths = (prefix.strip("/").split("/") for prefix in prefixes)
    above = {"/".join(parts[: depth + 1]) for parts in paths for depth in range(len(parts))}
    return allow(READ, [lake.arn_for_objects(folder) for folder in sorted(above)])


def _list(action: str, lake: s3.IBucket, prefixes: Iterable[str]) -> iam.PolicyStatement:
    patterns = [_pattern(prefix) for prefix in prefixes]
    return allow([action], [lake.bucket_arn], conditions={"StringLikeIfExists": {"s3:prefix": patterns}})


def _pattern(prefix: str) -> str:
    return f"{prefix}*" if prefix.endswith("/") else prefix


def encrypted_by(key: kms.IKey, *services: str) -> iam.PolicyStatement:
    """Use the lake's key, only through the services named."""
    return through(key.key_arn, *services)


def through(key_arn: str, *services: str) -> iam.PolicyStatement:
    """Allow use of the key through `services`, for another stack that knows only the key's ARN."""
    named = [Fn.join("", [f"{service}.", Aws.REGION, ".", Aws.URL_SUFFIX]) for service in services]
    condition = {"StringEquals": {"kms:ViaService": named}}
    return allow(["kms:Decrypt", "kms:GenerateDataKey"], [key_arn], conditions=condition)


def logs(*groups: str) -> iam.PolicyStatement:
    """Write to the log groups whose names begin so."""
    actions = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    return allow(actions, [arn("logs", f"log-group:{group}*") for group in groups])


def metrics() -> iam.PolicyStatement:
    """Say in CloudWatch how runs went. It knows no resource for that, but the namespace of the figures."""
    named = {"StringEquals": {"cloudwatch:namespace": NAMESPACE}}
    return allow(["cloudwatch:PutMetricData"], ["*"], conditions=named)


def arn(service: str, resource: str) -> str:
    """Return an ARN in the stack's own partition, region and account."""
    return Fn.join("", ["arn:", Aws.PARTITION, f":{service}:", Aws.REGION, ":", Aws.ACCOUNT_ID, f":{resource}"])


def on_behalf_of(source: str) -> dict[str, dict[str, str]]:
    """Return the condition that a service acts for that resource of this account only."""
    return {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}, "ArnEquals": {"aws:SourceArn": source}}


def document(*statements: iam.PolicyStatement) -> iam.PolicyDocument:
    """Return a policy document of the statements."""
    return iam.PolicyDocument(statements=list(statements))
