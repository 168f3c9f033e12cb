"""The crawler: reads each target's Delta log and registers the table as Glue's crawler would."""

from __future__ import annotations

import contextvars
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from local.aws import hooks
from local.aws_clients import storage_options
from local.home import Home

_PRIMITIVES = {"long": "bigint", "integer": "int", "short": "smallint", "byte": "tinyint", "timestamp_ntz": "timestamp"}


def install(home: Home) -> None:
    """Run the crawler in this process."""
    hooks.replace(hooks.START_CRAWLER, lambda data: start_crawler(home, data))
    hooks.replace(hooks.STOP_CRAWLER, stop_crawler)
    hooks.replace(hooks.GLUE_REQUEST, _with_list_crawls(hooks.original(hooks.GLUE_REQUEST)))


def start_crawler(home: Home, data: dict[str, Any]) -> Any:
    """Answer StartCrawler: READY → RUNNING → STOPPING → READY, and LastCrawl says how it went."""
    from ministack.services import glue

    name = data.get("Name")
    crawler = glue._crawlers.get(name)
    if crawler is None:
        return glue.error_response_json("EntityNotFoundException", f"Crawler {name} not found", 400)
    if crawler["State"] != "READY" and crawler.get("_thread") in _threads:
        return glue.error_response_json("CrawlerRunningException", f"Crawler {name} is already running", 400)
    thread = threading.Thread(target=contextvars.copy_context().run, args=(_crawl_and_tell, home, crawler), daemon=True)
    crawler |= {"State": "RUNNING", "CrawlElapsedTime": 0, "_thread": thread.name}
    _threads.add(thread.name)
    thread.start()
    return glue.json_response({})


_threads: set[str] = set()


def stop_crawler(data: dict[str, Any]) -> Any:
    """Answer StopCrawler; a crawl takes less than a second, so it is left to end by itself."""
    from ministack.services import glue

    crawler = glue._crawlers.get(data.get("Name"))
    if crawler is None:
        return glue.error_response_json("EntityNotFoundException", f"Crawler {data.get('Name')} not found", 400)
    if crawler["State"] != "RUNNING":
        return glue.error_response_json("CrawlerNotRunningException", f"Crawler {crawler['Name']} is not running", 400)
    return glue.json_response({})


def list_crawls(data: dict[str, Any]) -> Any:
    """Answer ListCrawls, which MiniStack lacks: the crawls since the local AWS was started, newest first."""
    from ministack.services import glue

    name = data.get("CrawlerName")
    if name not in glue._crawlers:
        return glue.error_response_json("EntityNotFoundException", f"Crawler {name} not found", 400)
    newest_first = _crawls.get(str(name), [])[::-1]
    return glue.json_response({"Crawls": newest_first[: int(data.get("MaxResults") or 20)]})


_crawls: dict[str, list[dict[str, Any]]] = {}
_DPUS = 2  # of a crawler; nobody is billed for them here


def _with_list_crawls(handle: Callable[..., Any]) -> Callable[..., Any]:
    def handled(
        method: str, path: str, headers: dict[str, str], body: bytes | str, query_params: dict[str, Any]
    ) -> Any:
        if headers.get("x-amz-target", "").endswith(".ListCrawls"):
            return list_crawls(json.loads(body))
        return handle(method, path, headers, body, query_params)

    return handled


def _crawl_and_tell(home: Home, crawler: dict[str, Any]) -> None:
    begun = time.time()
    last: dict[str, Any] = {"LogGroup": "/aws-glue/crawlers", "LogStream": crawler["Name"], "StartTime": begun}
    try:
        problems = crawl(home, crawler)
    except Exception as error:  # noqa: BLE001, whatever went wrong is the crawl's error, and the server goes on
        problems = [f"{type(error).__name__}: {error}"]
    last |= {"Status": "FAILED", "ErrorMessage": "; ".join(problems)[:2000]} if problems else {"Status": "SUCCEEDED"}
    ended = time.time()
    crawl_of_now = {"CrawlId": crawler["Name"], "State": "FAILED" if problems else "COMPLETED", "StartTime": begun}
    crawl_of_now |= {"EndTime": ended, "DPUHour": _DPUS * (ended - begun) / 3600}
    _crawls.setdefault(crawler["Name"], []).append(crawl_of_now)
    crawler["State"] = "STOPPING"
    crawler |= {"LastCrawl": last, "CrawlElapsedTime": int((time.time() - begun) * 1000)}
    _threads.discard(crawler.pop("_thread", ""))
    crawler["State"] = "READY"


def crawl(home: Home, crawler: dict[str, Any]) -> list[str]:
    """Register every Delta table of the targets; returns what went wrong, one text a table."""
    problems = []
    for target in (crawler.get("Targets") or {}).get("DeltaTargets") or []:
        for location in target["DeltaTables"]:
            try:
                _register(crawler, location, _read_log(home, location))
            except Exception as error:  # noqa: BLE001, the other tables are registered all the same
                problems.append(f"{location}: {type(error).__name__}: {' '.join(str(error).split())}")
    return problems


def hive_type(delta: Any) -> str:
    """Return a type of a Delta schema (a name, or a dictionary) in Hive's words."""
    if isinstance(delta, str):
        return _PRIMITIVES.get(delta, delta)
    if delta["type"] == "array":
        return f"array<{hive_type(delta['elementType'])}>"
    if delta["type"] == "map":
        return f"map<{hive_type(delta['keyType'])},{hive_type(delta['valueType'])}>"
    return "struct<" + ",".join(f"{each['name']}:{hive_type(each['type'])}" for each in delta["fields"]) + ">"


def _read_log(home: Home, location: str) -> tuple[int, list[dict[str, str]]]:
    """(version, columns) of a Delta table."""
    import deltalake

    table = deltalake.DeltaTable(location.rstrip("/"), storage_options=storage_options(home))
    fields = json.loads(table.schema().to_json())["fields"]
    return table.version(), [{"Name": each["name"].lower(), "Type": hive_type(each["type"])} for each in fields]


def _register(crawler: dict[str, Any], location: str, log: tuple[int, list[dict[str, str]]]) -> None:
    from ministack.services import glue

    database, (version, columns) = crawler["DatabaseName"], log
    name = (crawler.get("TablePrefix") or "") + location.rstrip("/").rpartition("/")[2].lower()
    write = glue._update_table if f"{database}/{name}" in glue._tables else glue._create_table
    table = _table_input(crawler["Name"], name, location, columns, version)
    status, _, body = write({"DatabaseName": database, "TableInput": table})
    if status >= 300:
        raise RuntimeError(f"the catalogue refused {database}.{name}: {body!r}")


def _table_input(crawler: str, name: str, location: str, columns: list[dict[str, str]], version: int) -> dict[str, Any]:
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [],  # a native Delta table keeps its partitions in its log
        "Parameters": {
            "EXTERNAL": "TRUE",
            "classification": "delta",
            "table_type": "delta",
            "spark.sql.sources.provider": "delta",
            "CrawlerSchemaDeserializerVersion": "1.0",
            "CrawlerSchemaSerializerVersion": "1.0",
            "UPDATED_BY_CRAWLER": crawler,
            "delta.lastUpdateVersion": str(version),
        },
        "StorageDescriptor": {
            "Columns": columns,
            "Location": location,
            "InputFormat": "org.apache.hadoop.mapred.SequenceFileInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat",
            "SerdeInfo": {
                "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
                "Parameters": {"serialization.format": "1", "path": location},
            },
        },
    }
