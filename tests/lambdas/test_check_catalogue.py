"""CheckCatalogue names the differences that the crawler would remove."""

import boto3
import pytest

from ledgerlake import names
from ledgerlake.errors import LedgerlakeError
from ledgerlake.tables.catalogue import delta_tables

NAME = "check_catalogue"


class Glue:
    """Answers as Glue does, a table a page; moto's needs a package that is not installed."""

    def __init__(self):
        self.tables = []

    def get_paginator(self, operation):
        assert operation == "get_tables"
        return self

    def paginate(self, *, DatabaseName):  # noqa: N803, as Glue calls it
        assert DatabaseName == names.DATABASE
        return [{"TableList": []}, *({"TableList": [table]} for table in self.tables)]


@pytest.fixture
def glue(monkeypatch):
    fake = Glue()
    monkeypatch.setattr(boto3, "client", lambda name, **_: {"glue": fake}[name])
    return fake


def register(glue, table, columns=None):
    declared = [{"Name": name, "Type": kind} for name, kind in columns or table.columns]
    parts = {"StorageDescriptor": {"Columns": declared[1:]}, "PartitionKeys": declared[:1]}
    glue.tables.append({"Name": table.name, **parts})


def test_a_table_that_is_not_there_is_named(glue, invoke):
    for table in delta_tables():
        if table.name != "orders":
            register(glue, table)
    assert invoke(NAME, {}) == {"differences": ["orders is not in ecommerce_dwh"]}


def test_a_catalogue_as_the_contracts_say_has_no_differences(glue, invoke):
    for table in delta_tables():
        register(glue, table)
    assert invoke(NAME, {}) == {"differences": []}


def test_a_column_of_another_type_is_named(glue, invoke):
    for table in delta_tables():
        changed = [(name, "string" if name == "product_id" else kind) for name, kind in table.columns]
        register(glue, table, changed if table.name == "products" else None)
    (difference,) = invoke(NAME, {})["differences"]
    assert difference.startswith("products differs from its contract in ")
    assert "product_id string" in difference


def test_of_a_table_with_thousands_of_other_columns_the_first_ten_are_named(glue, invoke):
    for table in delta_tables():
        more = [(f"column_{number:04}", "string") for number in range(5000)] if table.name == "products" else []
        register(glue, table, [*table.columns, *more])
    (difference,) = invoke(NAME, {})["differences"]
    assert "column_0009 string, and 4,990 more" in difference
    assert len(difference) < 500


@pytest.mark.parametrize("event", [{"batch_id": "b"}, [], None], ids=str)
def test_an_event_of_another_kind_says_what_was_expected(glue, invoke, event):
    with pytest.raises(LedgerlakeError, match=r"the event is .*expected \{\}"):
        invoke(NAME, event)
