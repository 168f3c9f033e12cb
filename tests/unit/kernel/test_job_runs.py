"""Which Glue jobs are at work, as Glue says."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from ledgerlake.runs.job_runs import AT_WORK, at_work, still_at_work

BATCH = "20250401T080000Z-1a2b3c4d"


class Glue:
    """Answers with these runs by job: (state, batch), newest first; or with an error."""

    def __init__(self, error=None, **runs):
        self.error, self.runs = error, runs

    def get_job_runs(self, JobName, MaxResults):  # noqa: N803, as boto3 has it
        if self.error:
            raise self.error
        found = self.runs.get(JobName)
        if found is None:
            raise ClientError({"Error": {"Code": "EntityNotFoundException", "Message": "no job"}}, "GetJobRuns")
        return {
            "JobRuns": [
                {"Id": f"jr_{number}", "JobRunState": state, "Arguments": {"--batch_id": batch} if batch else {}}
                for number, (state, batch) in enumerate(found)
            ][:MaxResults]
        }


@pytest.mark.parametrize("state", sorted(AT_WORK))
def test_a_run_of_the_batch_that_has_not_ended_is_at_work(state):
    glue = Glue(orders_etl=[("FAILED", BATCH), (state, BATCH), ("SUCCEEDED", BATCH)])
    assert still_at_work(glue, BATCH) == [f"orders_etl is {state} for batch {BATCH} (Glue run jr_1)"]


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED"])
def test_a_run_that_has_ended_is_not(state):
    assert still_at_work(Glue(orders_etl=[(state, BATCH)]), BATCH) == []


def test_a_run_for_another_batch_keeps_no_lease_but_is_listed_for_any_batch():
    glue = Glue(orders_etl=[("RUNNING", "other")], product_etl=[("RUNNING", None)])
    assert still_at_work(glue, BATCH) == []
    assert [(run.job, run.batch_id) for run in at_work(glue)] == [("product_etl", ""), ("orders_etl", "other")]
    assert [run.job for run in at_work(glue, jobs=["orders_etl"])] == ["orders_etl"]


@pytest.mark.parametrize(
    "error",
    [
        ConnectTimeoutError(endpoint_url="https://glue"),
        ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "GetJobRuns"),
    ],
)
def test_no_response_of_glue_is_not_taken_for_no_run(error):
    (said,) = still_at_work(Glue(error), BATCH)
    assert said.startswith(f"Glue could not be asked whether a job of batch {BATCH} still runs: ")
