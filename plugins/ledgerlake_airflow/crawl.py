"""The crawler, run when the catalogue is not what the contracts say."""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.operators.glue_crawler import GlueCrawlerRunOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from ledgerlake import catalogue, places
from ledgerlake.settings import Settings


class CrawlWhenChanged(GlueCrawlerRunOperator):
    """Run the crawler when a table is missing in the catalogue or has other columns than its contract.

    Otherwise skipped: the crawler takes a minute, and Athena reads new rows of a known Delta table without it.
    The parameter `crawl` of a run has it run in any case.
    """

    def __init__(self, *, settings: Settings, **kwargs: Any) -> None:
        super().__init__(
            crawler_name=places.CRAWLER,
            poll_interval=max(1, round(settings.poll_seconds)),
            deferrable=False,
            fail_on_already_running=False,
            **kwargs,
        )

    def execute(self, context: Context) -> str:
        differences = catalogue_differences(self.hook.conn)
        for difference in differences:
            self.log.info("%s", difference)
        if not differences and not context["params"].get("crawl"):
            raise AirflowSkipException("the catalogue is what the contracts say")
        crawled = super().execute(context)
        for difference in catalogue_differences(self.hook.conn):
            self.log.warning("After the crawl, still: %s", difference)
        return crawled


def catalogue_differences(glue: Any) -> list[str]:
    """What the Glue catalogue lacks, or has differently from the contracts, in words.

    The order of columns does not count: a crawler may put those of the partition last.
    """
    pages = glue.get_paginator("get_tables").paginate(DatabaseName=places.DATABASE)
    found = {table["Name"]: _columns(table) for page in pages for table in page["TableList"]}
    differences = []
    for table in catalogue.delta_tables():
        if table.name not in found:
            differences.append(f"{table.name} is not in {places.DATABASE}")
        elif found[table.name] != dict(table.columns):
            changed = sorted(set(found[table.name].items()) ^ set(table.columns))
            differences.append(
                f"{table.name} differs from its contract in {', '.join(' '.join(one) for one in changed)}"
            )
    return differences


def _columns(table: dict[str, Any]) -> dict[str, str]:
    declared = [*table.get("StorageDescriptor", {}).get("Columns", []), *table.get("PartitionKeys", [])]
    return {column["Name"]: column.get("Type", "") for column in declared}
