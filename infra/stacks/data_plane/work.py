"""What both orchestrators may do: start the jobs, the crawler and queries, and read what comes of them."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from infra.stacks.data_plane import access
from infra.stacks.data_plane.catalogue import catalogue_arns
from ledgerlake import keys, names
from ledgerlake.contracts import DATASETS

QUERIED = ("lakehouse-dwh/", "rejected/", "parked/", keys.LEDGER)


def jobs(*more: str) -> list[iam.PolicyStatement]:
    """Start, watch and stop runs of the Glue jobs."""
    names = [access.arn("glue", f"job/{dataset.job}") for dataset in DATASETS.values()]
    return [
        access.allow(["glue:StartJobRun", *more, "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"], names)
    ]


def crawler(*more: str) -> list[iam.PolicyStatement]:
    """Allow reading the crawler, and the further actions."""
    return [
        access.allow(["glue:StartCrawler", "glue:GetCrawler", *more], [access.arn("glue", f"crawler/{names.CRAWLER}")])
    ]


def queries(workgroup: str = names.WORKGROUP) -> list[iam.PolicyStatement]:
    """Ask Athena in the workgroup about the lake's database."""
    return [
        access.allow(
            [
                "athena:StartQueryExecution",
                "athena:GetQueryExecution",
                "athena:GetQueryResults",
                "athena:StopQueryExecution",
                "athena:GetWorkGroup",
            ],
            [access.arn("athena", f"workgroup/{workgroup}")],
        ),
        access.allow(
            ["glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetPartitions"],
            [*catalogue_arns(), access.arn("glue", f"table/{names.DATABASE}/*")],
        ),
    ]


def query_objects(lake: s3.IBucket) -> list[iam.PolicyStatement]:
    """Athena reads and writes with the permissions of whoever asks."""
    return [
        access.objects(lake, [keys.ATHENA_RESULTS], access.WRITE),
        access.objects(lake, QUERIED, access.READ),
        access.names(lake, [keys.ATHENA_RESULTS, *QUERIED]),
        access.allow(["s3:GetBucketLocation"], [lake.bucket_arn]),
    ]
