"""Crawler task, run when the catalogue differs from the contracts."""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.operators.glue_crawler import GlueCrawlerRunOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from ledgerlake import names
from ledgerlake.settings import Settings
from ledgerlake.tables.catalogue import differences
from ledgerlake_airflow.aws import pause_of


class CrawlWhenChanged(GlueCrawlerRunOperator):
    """Run the crawler when a table is missing in the catalogue or has other columns than its contract.

    Otherwise the task is skipped: the crawler takes a minute, and Athena reads new rows of a known Delta table
    without it. The parameter `crawl` of a run forces the crawl.
    """

    def __init__(self, *, settings: Settings, **kwargs: Any) -> None:
        """Make the operator of the lake's crawler."""
        super().__init__(
            crawler_name=names.CRAWLER,
            poll_interval=pause_of(settings),  # type: ignore[arg-type]  # seconds for sleep, which takes fractions
            deferrable=False,
            fail_on_already_running=False,
            **kwargs,
        )

    def execute(self, context: Context) -> str:
        """Run the crawler, or skip the task when nothing differs."""
        found = differences(self.hook.conn)
        for difference in found:
            self.log.info("%s", difference)
        if not found and not context["params"].get("crawl"):
            raise AirflowSkipException("the catalogue matches the contracts")
        crawled = super().execute(context)
        for difference in differences(self.hook.conn):
            self.log.warning("After the crawl, still: %s", difference)
        return crawled
