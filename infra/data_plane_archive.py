"""The Lambda ArchiveETLFiles: it may move deliveries from raw/ to archived/, and nothing else."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra import data_plane_access as access
from infra.data_plane_parameters import Parameters
from infra.packaging import lambda_key
from ledgerlake import places

_ARCHIVE = (*access.READ_VERSIONS, "s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObjectVersion")
"""Deleting a version there is for a copy that differs from its delivery: it is made anew."""


class Archive(Construct):
    """`function`, its log and its role."""

    def __init__(self, scope: Construct, parameters: Parameters, lake: s3.IBucket, key: kms.IKey) -> None:
        super().__init__(scope, "Archive")
        log = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"/aws/lambda/{places.ARCHIVE_FUNCTION}",
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=RemovalPolicy.DESTROY,
        )
        artifacts = s3.Bucket.from_bucket_name(self, "Artifacts", parameters.artifact_bucket)
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=places.ARCHIVE_FUNCTION,
            description="Moves a batch's deliveries from raw/ to archived/, each copy verified before its delete.",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="handler.handler",
            code=lambda_.Code.from_bucket(artifacts, parameters.artifact_key(lambda_key("archive_etl_files"))),
            timeout=Duration.minutes(15),
            memory_size=512,
            environment={"LEDGERLAKE_BUCKET": lake.bucket_name},
            log_group=log,
            role=self._role(lake, key),
        )
        # it is made after its role anyway, whose ARN it needs
        self.function.node.default_child.add_deletion_override("DependsOn")

    def _role(self, lake: s3.IBucket, key: kms.IKey) -> iam.Role:
        return iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={
                "archive": access.document(
                    access.objects(lake, [places.BATCHES], access.READ),
                    access.objects(lake, [places.RAW], (*access.READ_VERSIONS, "s3:DeleteObjectVersion")),
                    access.objects(lake, [places.ARCHIVED], _ARCHIVE),
                    access.names(lake, [places.BATCHES, places.RAW, places.ARCHIVED]),
                    access.versions(lake, places.RAW),
                    access.encrypted_by(key, "s3"),
                    access.logs(f"/aws/lambda/{places.ARCHIVE_FUNCTION}"),
                )
            },
        )
