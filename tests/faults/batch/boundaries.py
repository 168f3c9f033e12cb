"""The moments at which a process is killed, by name. Every lasting change is a request, so these are requests."""

from __future__ import annotations

from victims import Boundary

_SUMMARY = {"request": "PUT staging/", "ends": "/order_items.json"}
_PREPARED = "PUT control/publishing/order_items/"
_TABLE = "PUT lakehouse-dwh/order_items/"
_COMMIT = f"{_TABLE}_delta_log/00000000000000000002.json"

PLANNING = {
    "before the manifest": Boundary("plan", "before", "PUT batches/"),
    "after the manifest, before the batch is open": Boundary("plan", "after", "PUT batches/"),
    "after the plan": Boundary("plan", "after", "PUT batches/open/"),
}

_DELETE = "POST ?delete"
"""Of the versions in raw/ whose copies a thread has made: two of the eighteen deliveries at once."""

ARCHIVING = {
    "before the first copy": Boundary("archive", "before", "COPY archived/"),
    "after a copy": Boundary("archive", "after", "COPY archived/"),
    "half-way through the copies": Boundary("archive", "before", "COPY archived/", nth=9),
    "after the copies of a thread, before their delete": Boundary("archive", "before", _DELETE),
    "after some of many are moved": Boundary("archive", "after", _DELETE),
    "before the last delete": Boundary("archive", "before", _DELETE, nth=9),
    "after the archive, before the acknowledgement": Boundary("archive", "after", _DELETE, nth=9),
    "while acknowledging, before the batch is closed": Boundary("acknowledge", "before", "DELETE batches/open/"),
    "after the acknowledgement": Boundary("acknowledge", "after", "DELETE batches/open/"),
}

JOB = {
    "while the rows are being staged": Boundary("order_items", "before", "PUT staging/", nth=6),
    "after the rows of the stage, before its summary": Boundary("order_items", "before", **_SUMMARY),
    "after the stage": Boundary("order_items", "after", **_SUMMARY),
    "after the mark that publishing has begun": Boundary("order_items", "after", "PUT control/publishing/"),
    "half-way through the rejects": Boundary("order_items", "before", "PUT rejected/", nth=3),
    "while the parked rows are being prepared": Boundary("order_items", "before", _PREPARED, nth=3),
    "after the rejects, before the table is touched": Boundary("order_items", "before", f"{_TABLE}date="),
    "after the table's new files, before their commit": Boundary("order_items", "before", _COMMIT),
    "after the commit of the MERGE": Boundary("order_items", "after", _COMMIT),
    "half-way through the parking": Boundary("order_items", "before", "COPY parked/", nth=3),
    "after the parking, before the ledger": Boundary("order_items", "before", "PUT ledger/"),
    "after the ledger, before the mark is taken away": Boundary("order_items", "after", "PUT ledger/"),
    "after the ledger and its mark": Boundary("order_items", "after", "DELETE control/publishing/"),
}

SHORT = {"after the commit of the MERGE"}
"""Of the job's, those that every run of the suite tries: a process of Spark takes half a minute."""

FIRST_BATCH = {
    "before the table is made": Boundary("products", "before", "PUT lakehouse-dwh/products/_delta_log/"),
    "after the table is made": Boundary(
        "products", "after", "PUT lakehouse-dwh/products/_delta_log/00000000000000000000.json"
    ),
}
