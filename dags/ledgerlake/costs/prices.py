"""What AWS asks for a unit of each service, in one dated table: list prices of us-east-1, in US dollars.

Without free tiers, discounts, taxes and savings plans. AWS's own pages could not be opened from where this
was written, so every price says where its figure was read, and whether that was AWS's own text. Another
region, or another day: change the figures here and `LOOKED_UP` with them; every run record says which date
it was made with.
"""

from __future__ import annotations

from dataclasses import dataclass

LOOKED_UP = "2026-11-21"
REGION = "us-east-1"


@dataclass(frozen=True)
class Price:
    """One unit price.

    Args:
        dollars: for one `unit`.
        page: AWS's public page of it.
        seen: where the figure was read.
        confirmed: what was read is AWS's own text, in a copy of its page.
    """

    dollars: float
    unit: str
    page: str
    seen: str
    confirmed: bool

    @property
    def standing(self) -> str:
        """Return whether AWS's own text has it."""
        return "by AWS's own page" if self.confirmed else "not confirmed"


_GLUE = "https://aws.amazon.com/glue/pricing/"
_S3 = "https://aws.amazon.com/s3/pricing/"
_LAMBDA = "https://aws.amazon.com/lambda/pricing/"

GLUE_DPU_HOUR = Price(0.44, "DPU-hour of a job", _GLUE, "AWS's page: 6 DPUs for 15 min, $0.66", True)
CRAWLER_DPU_HOUR = Price(0.44, "DPU-hour of a crawler", _GLUE, "AWS's price list 2024-11, other regions", False)
ATHENA_TERABYTE = Price(
    5.00, "TB scanned", "https://aws.amazon.com/athena/pricing/", "athena.guide and rcpedia.stanford.edu", False
)
S3_WRITES = Price(0.005, "1,000 PUT, COPY, LIST", _S3, "c3x.dev, S3 Standard", False)
S3_READS = Price(0.0004, "1,000 GET, HEAD and others", _S3, "c3x.dev, S3 Standard", False)
SQS_REQUESTS = Price(0.40, "1,000,000 requests", "https://aws.amazon.com/sqs/pricing/", "cloudburn.io, 2026-03", False)
SNS_PUBLISHES = Price(0.50, "1,000,000 publishes", "https://aws.amazon.com/sns/pricing/", "awsnegotiations.com", False)
METRIC_REQUESTS = Price(
    0.01, "1,000 API requests", "https://aws.amazon.com/cloudwatch/pricing/", "site24x7.com (GetMetricData)", False
)
LAMBDA_GB_SECOND = Price(0.0000166667, "GB-second, x86", _LAMBDA, "AWS's page ($0.00001667)", True)
LAMBDA_REQUESTS = Price(0.20, "1,000,000 requests", _LAMBDA, "AWS's page, its whitepaper", True)
STATE_TRANSITIONS = Price(
    0.025,
    "1,000 state transitions",
    "https://aws.amazon.com/step-functions/pricing/",
    "AWS's page, N. Virginia",
    True,
)

PRICES = {
    "Glue job": GLUE_DPU_HOUR,
    "Glue crawler": CRAWLER_DPU_HOUR,
    "Athena": ATHENA_TERABYTE,
    "S3 writes": S3_WRITES,
    "S3 reads": S3_READS,
    "SQS": SQS_REQUESTS,
    "SNS": SNS_PUBLISHES,
    "CloudWatch": METRIC_REQUESTS,
    "Lambda time": LAMBDA_GB_SECOND,
    "Lambda calls": LAMBDA_REQUESTS,
    "Step Functions": STATE_TRANSITIONS,
}
"""Every price, by what it is for."""

JOB_MINIMUM_SECONDS = 60
"""A run of a Glue job is billed by the second, and for a minute at the least (Glue 2.0 and later)."""
CRAWL_MINIMUM_SECONDS = 600
"""A crawl is billed by the second, and for ten minutes at the least."""
CRAWLER_DPUS = 2
"""What a crawler is taken to use when the minimum is worked out: AWS's page has an example with 2, and says no more."""
MEGABYTE = 1024**2
TERABYTE = 1024**4
"""As AWS's calculator counts; its page does not say."""
QUERY_MINIMUM_BYTES = 10 * MEGABYTE
"""A query is billed by the megabyte, rounded up, and for ten at the least."""
