"""The lake: its key, its bucket, and the log of who touched it."""

from __future__ import annotations

from typing import cast

from aws_cdk import Aws, Duration, Fn, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.stacks.data_plane import access
from infra.stacks.data_plane.parameters import Parameters
from ledgerlake import keys, names

_SCRATCH = {"staging/": 7, keys.ATHENA_RESULTS: 7}
"""Prefixes whose objects are of no use after so many days."""
_KEPT = {
    "archived/": 90,
    "lakehouse-dwh/": 30,
    "rejected/": 30,
    "parked/": 30,
    "ledger/": 90,
    "batches/": 30,
    keys.RUNS: 30,
    "control/": 7,
}
"""Days for which a replaced or deleted object can be brought back. Never `raw/`: a version there
is a delivery, also when a newer one hides it."""
_SELDOM = 90
"""Days after which an archived delivery is hardly ever read again."""


def lake_bucket_arn(parameters: Parameters) -> str:
    """Of the lake bucket, also before it exists: its queue and its key must know it first."""
    return Fn.join("", ["arn:", Aws.PARTITION, ":s3:::", parameters.bucket_name("ledgerlake")])


def alarm_arn() -> str:
    """Of the alarm on dead letters, also before it exists: the key and the topic must know it first."""
    return access.arn("cloudwatch", f"alarm:{names.DEAD_LETTER_ALARM}")


class LakeKey(Construct):
    """The key of everything that the data plane keeps or sends."""

    def __init__(self, scope: Construct, parameters: Parameters) -> None:
        super().__init__(scope, "LakeKey")
        self.key = kms.Key(
            self,
            "Key",
            alias=f"alias/ledgerlake-{parameters.environment}",
            description="Ledgerlake: lake, queues, topic, query results",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        self._let("AllowKmsUseByS3ForTheQueue", "s3.amazonaws.com", lake_bucket_arn(parameters))
        self._let("AllowKmsUseByTheAlarmForTheTopic", "cloudwatch.amazonaws.com", alarm_arn())

    def _let(self, sid: str, service: str, source: str) -> None:
        """Allow a service to encrypt what it sends on behalf of one resource of the project."""
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                sid=sid,
                principals=[iam.ServicePrincipal(service)],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],
                conditions=access.on_behalf_of(source),
            )
        )


class Lake(Construct):
    """The versioned bucket of the lake; S3 notifies `queue` of every object that lands in `raw/`."""

    def __init__(self, scope: Construct, parameters: Parameters, key: kms.IKey, queue: sqs.Queue) -> None:
        super().__init__(scope, "Lake")
        self.access_logs = self._access_logs(parameters)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=parameters.bucket_name("ledgerlake"),
            versioned=True,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            removal_policy=RemovalPolicy.RETAIN,
            server_access_logs_bucket=self.access_logs,
            server_access_logs_prefix="lake/",
            lifecycle_rules=_lifecycle(),
        )
        self._wake(queue)

    def _access_logs(self, parameters: Parameters) -> s3.Bucket:
        return s3.Bucket(
            self,
            "AccessLogs",
            bucket_name=parameters.bucket_name("ledgerlake-logs"),
            encryption=s3.BucketEncryption.S3_MANAGED,  # S3 delivers access logs to no other
            versioned=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            removal_policy=RemovalPolicy.RETAIN,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="forget", expiration=Duration.days(365), noncurrent_version_expiration=Duration.days(30)
                )
            ],
        )

    def _wake(self, queue: sqs.Queue) -> None:
        """Every object, whatever its name ends in: an unreadable file has to be looked at as well.

        The property of the bucket itself: CDK's own notifications are a Lambda that runs at deployment.
        """
        prefix = s3.CfnBucket.FilterRuleProperty(name="prefix", value=keys.RAW)
        to_queue = s3.CfnBucket.QueueConfigurationProperty(
            event="s3:ObjectCreated:*",
            queue=queue.queue_arn,
            filter=s3.CfnBucket.NotificationFilterProperty(s3_key=s3.CfnBucket.S3KeyFilterProperty(rules=[prefix])),
        )
        bucket = cast(s3.CfnBucket, self.bucket.node.default_child)
        bucket.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            queue_configurations=[to_queue]
        )
        bucket.node.add_dependency(queue.node.find_child("Policy"))  # S3 tries the queue when it is configured


def _lifecycle() -> list[s3.LifecycleRule]:
    scratch = [
        s3.LifecycleRule(
            id=f"scratch {prefix}",
            prefix=prefix,
            expiration=Duration.days(days),
            noncurrent_version_expiration=Duration.days(1),
        )
        for prefix, days in _SCRATCH.items()
    ]
    kept = [
        s3.LifecycleRule(id=f"kept {prefix}", prefix=prefix, noncurrent_version_expiration=Duration.days(days))
        for prefix, days in _KEPT.items()
    ]
    archived = s3.LifecycleRule(
        id="archived is read seldom",
        prefix=keys.ARCHIVED,
        # at once when a backfill asks for it; of the colder classes it would have to be ordered first
        transitions=[
            s3.Transition(
                storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL, transition_after=Duration.days(_SELDOM)
            )
        ],
    )
    everywhere = s3.LifecycleRule(
        id="leftovers", abort_incomplete_multipart_upload_after=Duration.days(7), expired_object_delete_marker=True
    )
    return [*scratch, *kept, archived, everywhere]
