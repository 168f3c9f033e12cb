"""One Glue job per contract, each with a role that reaches its own part of the lake only."""

from __future__ import annotations

from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.release.packaging import script_key, wheel_key
from infra.stacks.data_plane import access
from infra.stacks.data_plane.limits import WORKER_TYPE, WORKERS
from infra.stacks.data_plane.parameters import Parameters
from ledgerlake import keys
from ledgerlake.contracts import DATASETS, Dataset

_SPARK = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.delta.logStore.class": "org.apache.spark.sql.delta.storage.S3SingleDriverLogStore",
    "spark.sql.session.timeZone": "UTC",
}
ANY_BATCH = "????????T??????Z-????????"
"""Matches every batch's id. `*` would match slashes too, and so whatever other jobs stage."""
_LOGS = "/aws-glue/jobs"


class Jobs(Construct):
    """The jobs; `names` are theirs, `dataset.job` of every contract."""

    def __init__(self, scope: Construct, parameters: Parameters, lake: s3.IBucket, key: kms.IKey) -> None:
        super().__init__(scope, "Jobs")
        self.parameters, self.lake, self.key = parameters, lake, key
        self.artifacts = s3.Bucket.from_bucket_name(self, "Artifacts", parameters.artifact_bucket)
        for dataset in DATASETS.values():
            self._job(dataset)

    def _job(self, dataset: Dataset) -> None:
        glue.CfnJob(
            self,
            dataset.job,
            name=dataset.job,
            description=f"The only writer of {dataset.name}.",
            role=self._role(dataset).role_arn,
            glue_version="5.1",
            worker_type=WORKER_TYPE,
            number_of_workers=WORKERS,
            max_retries=0,  # the orchestrator retries, and says so
            timeout=self.parameters.setting("JobTimeoutMinutes"),
            # Delta on S3 is safe for one writer at a time, and AWS enforces this one
            execution_property=glue.CfnJob.ExecutionPropertyProperty(max_concurrent_runs=1),
            command=glue.CfnJob.JobCommandProperty(
                name="glueetl",
                python_version="3",
                script_location=self.parameters.artifact_uri(script_key(dataset.job)),
            ),
            default_arguments={
                "--lake_bucket": self.lake.bucket_name,
                # Installed by pip on the driver and on every worker; Spark itself puts no wheel on a path.
                "--additional-python-modules": self.parameters.artifact_uri(wheel_key()),
                "--datalake-formats": "delta",
                # Glue takes one --conf; the further ones travel in its value
                "--conf": " --conf ".join(f"{name}={value}" for name, value in _SPARK.items()),
                "--job-bookmark-option": "job-bookmark-disable",
            },
        )

    def _role(self, dataset: Dataset) -> iam.Role:
        return iam.Role(
            self,
            f"{dataset.job}-role",
            description=f"{dataset.job} reads deliveries of {dataset.name}, and alone writes that table.",
            assumed_by=iam.ServicePrincipal("glue.amazonaws.com"),
            inline_policies={"job": access.document(*self._statements(dataset))},
        )

    def _statements(self, dataset: Dataset) -> list[iam.PolicyStatement]:
        name = dataset.name
        deliveries = [keys.raw_prefix(name), f"{keys.ARCHIVED}{name}/"]
        parents = [reference.dataset for reference in dataset.references]
        read = [keys.BATCHES, *map(keys.table_prefix, parents)]
        read += [keys.stage_summary(ANY_BATCH, parent) for parent in parents]  # what it has withdrawn
        summaries = [keys.stage_summary(ANY_BATCH, each) for each in (name, *parents)]
        write = [
            keys.table_prefix(name),
            keys.staging(ANY_BATCH, name),
            keys.stage_summary(ANY_BATCH, name),
            keys.rejected_prefix(name),
            keys.parked_prefix(name),
            f"{keys.LEDGER}dataset={name}/",
            keys.publishing(name),
            keys.prepared(name),
        ]
        return [
            access.objects(self.lake, deliveries, access.READ_VERSIONS),
            access.objects(self.lake, read, access.READ),
            access.objects(self.lake, write, access.WRITE),
            *access.history(self.lake, [keys.BATCHES, *summaries, keys.publishing(name)]),
            # a batch with too many rejects is set aside: closed, and kept where a person finds it
            access.objects(self.lake, [keys.quarantined(ANY_BATCH)], access.PUT),
            access.objects(self.lake, [keys.open_batch(ANY_BATCH)], access.DELETE),
            access.folders(self.lake, [*read, *write]),
            access.names(self.lake, ["lakehouse-dwh/", "staging/", *deliveries, *read, *write]),
            # an earlier delivery that a withdrawn row has hidden may still wait
            access.versions(self.lake, keys.RAW),
            access.allow(["s3:GetBucketLocation"], [self.lake.bucket_arn]),
            access.encrypted_by(self.key, "s3"),
            access.allow(access.READ, [self.artifacts.arn_for_objects(self.parameters.artifact_key("glue/*"))]),
            access.logs(_LOGS),
        ]
