"""Names of AWS resources and DAGs, and those that depend on one lake.

A `Places` belongs to one lake. Its names depend on environment, account and region.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledgerlake.settings import Settings, lake_bucket

QUEUE = "ecommerce-etl-queue"
DEAD_LETTER_QUEUE = "ecommerce-etl-dead-letter-queue"
DEAD_LETTER_ALARM = "ecommerce-etl-dead-letters"
TOPIC = "ecommerce-etl-notifications"
ALARM_TOPIC = "ledgerlake-alarms"
DATABASE = "ecommerce_dwh"
CRAWLER = "ecommerce-lakehouse-crawler"
WORKGROUP = "ecommerce"
ANALYSTS_WORKGROUP = "ecommerce-analysts"
ARCHIVE_FUNCTION = "ArchiveETLFiles"
STATE_MACHINE = "EcommerceETLPipeline"
CHECK_FUNCTION = "CheckDataAvailability"
PLAN_FUNCTION = "PlanETLBatch"
CATALOGUE_FUNCTION = "CheckCatalogue"
REPORT_FUNCTION = "ReportETLRun"
STACK = "LedgerlakeDataPlane"
DELIVERY_STACK = "LedgerlakeDelivery"
AIRFLOW_STACK = "LedgerlakeAirflow"
GUARDRAILS_STACK = "LedgerlakeGuardrails"
LIVE_DAG = "ecommerce_lakehouse"
BY_DATE_DAG = "ecommerce_lakehouse_by_date"


@dataclass(frozen=True)
class Places:
    """The names of one lake that depend on environment, account and region."""

    bucket: str
    artifact_bucket: str
    queue_url: str
    topic_arn: str
    state_machine_arn: str
    region: str

    @classmethod
    def of(cls, settings: Settings, endpoint_url: str | None = None) -> Places:
        """Return the names of the lake that `settings` describes.

        Args:
            endpoint_url: of another AWS than the real one; its queues are addressed below it.
        """
        where = f"{settings.environment}-{settings.account}-{settings.region}"
        sqs = endpoint_url or f"https://sqs.{settings.region}.amazonaws.com"
        return cls(
            bucket=lake_bucket() or f"ledgerlake-{where}",
            artifact_bucket=f"ledgerlake-artifacts-{where}",
            queue_url=f"{sqs}/{settings.account}/{QUEUE}",
            topic_arn=f"arn:aws:sns:{settings.region}:{settings.account}:{TOPIC}",
            state_machine_arn=f"arn:aws:states:{settings.region}:{settings.account}:stateMachine:{STATE_MACHINE}",
            region=settings.region,
        )

    def uri(self, key: str) -> str:
        """Return the S3 URI of a key."""
        return f"s3://{self.bucket}/{key}"
