"""The artifact bucket: every release that may still be deployed or gone back to, and Airflow's files."""

from __future__ import annotations

from aws_cdk import Aws, Duration, Fn, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

_REPLACED = 90
"""Days for which a replaced or deleted object can be brought back: longer than anybody goes back."""


class Artifacts(Construct):
    """`bucket`, its `key`, and the log of who touched it."""

    def __init__(self, scope: Construct, environment: str) -> None:
        super().__init__(scope, "Artifacts")
        where = f"{environment}-{Aws.ACCOUNT_ID}-{Aws.REGION}"
        name = f"ledgerlake-artifacts-{where}"
        self.key = self._key(environment, Fn.join("", ["arn:", Aws.PARTITION, f":s3:::{name}"]))
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=name,
            versioned=True,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            removal_policy=RemovalPolicy.RETAIN,
            server_access_logs_bucket=self._access_logs(where),
            server_access_logs_prefix="artifacts/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="replaced",
                    noncurrent_version_expiration=Duration.days(_REPLACED),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                    expired_object_delete_marker=True,
                )
            ],
        )

    def _key(self, environment: str, bucket_arn: str) -> kms.Key:
        """Whoever may read or write the bucket may use its key for that, and for nothing else.

        As with AWS's own key for S3, the permissions on the bucket decide alone: CloudFormation, Lambda, Glue
        and MWAA read it on behalf of roles in three other stacks, none of which has to know this key.
        """
        key = kms.Key(
            self,
            "Key",
            alias=f"alias/ledgerlake-artifacts-{environment}",
            description="Ledgerlake: releases and Airflow's files",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        via = Fn.join("", ["s3.", Aws.REGION, ".", Aws.URL_SUFFIX])
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AllowUsersOfTheBucket",
                principals=[iam.AnyPrincipal()],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],
                conditions={
                    "StringEquals": {"kms:CallerAccount": Aws.ACCOUNT_ID, "kms:ViaService": via},
                    # the bucket's own ARN: with a bucket key, that is what S3 encrypts for
                    "StringLike": {"kms:EncryptionContext:aws:s3:arn": [bucket_arn, f"{bucket_arn}/*"]},
                },
            )
        )
        return key

    def _access_logs(self, where: str) -> s3.Bucket:
        return s3.Bucket(
            self,
            "AccessLogs",
            bucket_name=f"ledgerlake-artifact-logs-{where}",
            encryption=s3.BucketEncryption.S3_MANAGED,  # S3 delivers access logs to no other
            versioned=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            removal_policy=RemovalPolicy.RETAIN,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="forget",
                    expiration=Duration.days(365),
                    noncurrent_version_expiration=Duration.days(30),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
        )
