"""Retry policies of the state machine; every other error fails the run.

A query that failed (`States.TaskFailed`) is not retried: the run fails, and the next run resumes the batch.
`loading` retries failed jobs itself, because Step Functions' own retries cannot distinguish a crash from a
refusal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ledgerlake import settings

_LONGEST_EXECUTION = max(
    settings.from_environment({"LEDGERLAKE_ENVIRONMENT": name}).execution_timeout_minutes
    for name in settings.ENVIRONMENTS
)
EXECUTION_SECONDS = 60 * _LONGEST_EXECUTION
"""The longest of all environments, since a state machine's own timeout cannot be a parameter."""

Retrier = dict[str, Any]


def retrier(errors: Sequence[str], *, first: int, longest: int, attempts: int) -> Retrier:
    """Wait `first` seconds, then twice as long each time up to `longest`; each wait is drawn by lot (FULL jitter)."""
    return {
        "ErrorEquals": list(errors),
        "IntervalSeconds": first,
        "BackoffRate": 2,
        "MaxDelaySeconds": longest,
        "MaxAttempts": attempts,
        "JitterStrategy": "FULL",
    }


def _brief(*errors: str) -> Retrier:
    return retrier(errors, first=2, longest=60, attempts=6)


LAMBDA = _brief(
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.TooManyRequestsException",
)
LAMBDA_DIED = retrier(
    ("Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError", "Runtime.OutOfMemory"), first=5, longest=60, attempts=2
)
"""The function ran out of time or memory, or its host failed; every function resumes where it stopped."""
# throttling has no class of its own in Glue, Athena, SNS and SQS: it comes as the service's general exception
GLUE = _brief(
    "Glue.AWSGlueException",
    "Glue.GlueException",
    "Glue.InternalServiceException",
    "Glue.OperationTimeoutException",
    "Glue.ThrottlingException",
    "Glue.SdkClientException",
)
ATHENA = _brief(
    "Athena.AmazonAthenaException",
    "Athena.InternalServerException",
    "Athena.TooManyRequestsException",
    "Athena.ThrottlingException",
    "Athena.SdkClientException",
)
SNS = _brief(
    "SNS.AmazonSNSException",
    "SNS.InternalErrorException",
    "SNS.ThrottledException",
    "SNS.KMSThrottlingException",
    "SNS.SdkClientException",
)
SQS = _brief(
    "SQS.AmazonSQSException", "SQS.RequestThrottledException", "SQS.KmsThrottledException", "SQS.SdkClientException"
)
STATES = _brief("StepFunctions.AWSStepFunctionsException", "StepFunctions.SdkClientException")

JOB_IN_USE = retrier(("Glue.ConcurrentRunsExceededException",), first=30, longest=300, attempts=40)
"""The table's only writer runs, for a dead run or an operator; it ends within the job's timeout."""
LEASE_TAKEN = retrier(("LeaseTaken",), first=10, longest=60, attempts=EXECUTION_SECONDS // 10)
"""Other runs hold the lease; the execution's own timeout ends the wait."""
UNFINISHED_ARCHIVE = retrier(("ArchiveError",), first=10, longest=120, attempts=3)
"""Archiving resumes where it stopped, including after a timeout."""
