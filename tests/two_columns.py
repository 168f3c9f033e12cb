"""The smallest contract: a number that is required, and a text."""

from __future__ import annotations

from ledgerlake.contracts import Column, Dataset

AB = Dataset(
    name="ab",
    job="ab_etl",
    doc="Two columns.",
    columns=(Column("a", "bigint", required=True, doc="A."), Column("b", "string", doc="B.")),
    key=("a",),
)
