"""The columns beside those of the contract that hold texts which are not plain."""

from __future__ import annotations

from ledgerlake.contracts import Column, Dataset


def text_name(column: Column) -> str:
    """The column beside one that is no text."""
    return f"_text_{column.name}"


def text_names(dataset: Dataset) -> list[str]:
    """All of them."""
    return [text_name(column) for column in dataset.columns if column.type != "string"]
