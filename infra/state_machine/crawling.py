"""States of the crawler, which runs if the catalogue differs from the contracts; the wait is bounded."""

from __future__ import annotations

from infra import functions
from infra.state_machine import retries
from infra.state_machine.states import States, caught, choice, failure, invoke, jsonata, task
from ledgerlake import names

_LONGEST_CRAWL = 900  # seconds; it takes one or two minutes


def crawling(following: str) -> States:
    """Return the states from `CheckCatalogue` to `following`."""
    crawler = {"Name": names.CRAWLER}
    return {
        "CheckCatalogue": invoke(
            functions.CATALOGUE,
            {},
            Assign={"differences": jsonata("$states.result.Payload.differences"), "looks": 0},
            Catch=caught("CheckCatalogue"),
            Next="CatalogueChecked",
        ),
        "CatalogueChecked": choice([("$count($differences) = 0", following)], "StartCrawler"),
        "StartCrawler": task(
            "aws-sdk:glue:startCrawler",
            crawler,
            seconds=60,
            retry=[retries.GLUE],
            Catch=[
                # somebody else has started it: it will do
                {"ErrorEquals": ["Glue.CrawlerRunningException"], "Next": "WaitForCrawler"},
                *caught("StartCrawler"),
            ],
            Next="WaitForCrawler",
        ),
        "WaitForCrawler": {
            "Type": "Wait",
            "Seconds": jsonata("${PollSeconds}"),
            "Assign": {"looks": jsonata("$looks + 1")},
            "Next": "GetCrawler",
        },
        "GetCrawler": task(
            "aws-sdk:glue:getCrawler",
            crawler,
            seconds=60,
            retry=[retries.GLUE],
            Output=jsonata(
                "{'state': $states.result.Crawler.State, 'status': $string($states.result.Crawler.LastCrawl.Status), "
                "'message': $string($states.result.Crawler.LastCrawl.ErrorMessage)}"
            ),
            Catch=caught("GetCrawler"),
            Next="CrawlerReady",
        ),
        "CrawlerReady": {
            "Type": "Choice",
            "Choices": [
                {
                    "Condition": jsonata(
                        "$states.input.state = 'READY' and $states.input.status in ['FAILED', 'CANCELLED']"
                    ),
                    "Assign": {"failed": [failure("GetCrawler", "CrawlFailed", _crawl_cause())]},
                    "Next": "ReportFailure",
                },
                {"Condition": jsonata("$states.input.state = 'READY'"), "Next": following},
                {
                    "Condition": jsonata(f"$looks * ${{PollSeconds}} >= {_LONGEST_CRAWL}"),
                    "Assign": {
                        "failed": [
                            failure(
                                "GetCrawler",
                                "CrawlTooLong",
                                f"the crawler {names.CRAWLER} is not ready after {_LONGEST_CRAWL} s",
                            )
                        ]
                    },
                    "Next": "ReportFailure",
                },
            ],
            "Default": "WaitForCrawler",
        },
    }


def _crawl_cause() -> str:
    return jsonata(f"'the crawl of {names.CRAWLER} is ' & $states.input.status & ': ' & $states.input.message")
