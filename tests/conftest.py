"""For all tests: with `NO_SKIPS=1` a skipped test is a failed one, so that nothing is skipped unseen.

Where Spark is installed its fixtures are here too: one session and one S3, whichever folders are run together.
"""

from __future__ import annotations

import functools
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import botocore.loaders
import pytest

sys.path.insert(0, str(Path(__file__).parent))
if find_spec("pyspark"):
    from spark_lake import lake, s3_endpoint, spark  # noqa: F401

# Each test begins with a session of its own, which would read and parse the models of its services once more.
botocore.loaders.create_loader = functools.cache(botocore.loaders.create_loader)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.skipped and os.environ.get("NO_SKIPS") == "1" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped ({reason}), and NO_SKIPS=1 allows no skips"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    if report.skipped and os.environ.get("NO_SKIPS") == "1":
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} was skipped as a whole, and NO_SKIPS=1 allows no skips"
    return report
