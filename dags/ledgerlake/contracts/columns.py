"""A column of a contract: its type, and how its values are written in deliveries."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ledgerlake.contracts.type_changes import is_lossless
from ledgerlake.errors import ContractError

TYPES = ("bigint", "int", "double", "boolean", "string", "date", "timestamp")
NUMBERS = ("bigint", "int", "double")
THOUSANDS = ("", ",", ".", " ", "'", "\u2019", "\u00a0", "\u202f", "_")
DECIMALS = (".", ",")
NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Column:
    """One column of a table, found in deliveries under the same header name.

    Args:
        name: lower case, as Athena shows it; a leading underscore is reserved for lineage.
        type: one of `TYPES`.
        required: a row in which it is NULL is rejected.
        doc: what the value means, with its unit.
        sensitive: personal data that analysts do not see.
        thousands: of numbers, what may stand between groups of three digits, one of `THOUSANDS`.
            By default nothing may: whether `1,234` is a thousand or one and a bit, only the
            producer knows.
        decimal: of numbers, what stands before the fraction, one of `DECIMALS`.
        was: types that the column had in earlier contracts. A table that still has one of them is converted
            by its own job; only changes that lose no value are possible.
    """

    name: str
    type: str
    required: bool = False
    doc: str = ""
    sensitive: bool = False
    thousands: str = ""
    decimal: str = "."
    was: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ContractError(f"column name {self.name!r}", expected="lower case letters, digits and _")
        if self.type not in TYPES:
            raise ContractError(f"column {self.name} of type {self.type!r}", expected=f"one of {', '.join(TYPES)}")
        if not self.doc:
            raise ContractError(f"column {self.name} has no doc", expected="a sentence on what it means")
        self._refuse_separators()
        self._validate_earlier_types()

    def _validate_earlier_types(self) -> None:
        if lossy := [was for was in self.was if not is_lossless(was, self.type)]:
            raise ContractError(
                f"column {self.name} of type {self.type} was {', '.join(map(str, lossy))}",
                expected="earlier types every value of which is a value of the new one",
                remedy="keep the column as it was, and add a new, optional one of the other type beside it",
            )

    def _refuse_separators(self) -> None:
        if (self.thousands, self.decimal) != ("", ".") and self.type not in NUMBERS:
            raise ContractError(
                f"column {self.name} of type {self.type} has separators of numbers",
                expected=f"them only in columns of type {', '.join(NUMBERS)}",
            )
        if self.thousands not in THOUSANDS or self.decimal not in DECIMALS:
            raise ContractError(
                f"column {self.name} has thousands={self.thousands!r}, decimal={self.decimal!r}",
                expected=f"thousands one of {THOUSANDS}, decimal one of {DECIMALS}",
            )
        if self.thousands == self.decimal:
            raise ContractError(
                f"column {self.name} has {self.decimal!r} both between thousands and before the fraction",
                expected="two different ones",
            )
