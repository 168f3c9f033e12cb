"""A column of a contract: its type, and how its values are written in deliveries."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ledgerlake.contracts.type_changes import is_lossless
from ledgerlake.errors import ContractError

TYPES = ("bigint", "int", "double", "boolean", "string", "date", "timestamp")
NUMBERS = ("bigint", "int", "double", "decimal")
THOUSANDS = ("", ",", ".", " ", "'", "\u2019", "\u00a0", "\u202f", "_")
DECIMALS = (".", ",")
DECIMAL = re.compile(r"decimal\((0|[1-9][0-9]?),(0|[1-9][0-9]?)\)")
"""Of precision and scale: `decimal(12,2)` holds ten digits before the point and two behind it."""

NAME = re.compile(r"[a-z][a-z0-9_]*")


def plain_header(name: str) -> str:
    """Return the name of a header as columns are matched by it: without blanks around it, in lower case."""
    return name.strip().strip("\ufeff").strip().lower()


@dataclass(frozen=True)
class Column:
    """One column of a table, found in deliveries under its name, or one of its other header names.

    Args:
        name: lower case, as Athena shows it; a leading underscore is reserved for lineage.
        type: one of `TYPES`, or `decimal(p,s)` of p digits, s of them behind the point: for money, since a
            `double` does not hold every amount.
        required: a row in which it is NULL is rejected.
        doc: what the value means, with its unit.
        sensitive: personal data that analysts do not see.
        thousands: of numbers, what may stand between groups of three digits, one of `THOUSANDS`.
            By default nothing may: whether `1,234` is a thousand or one and a bit, only the
            producer knows.
        decimal: of numbers, what stands before the fraction, one of `DECIMALS`.
        was: types that the column had in earlier contracts. A table that still has one of them is converted
            by its own job; only changes that lose no value are possible.
        header: other names under which deliveries hold it, matched as its own name is, in any case: `("Customer ID",)`.
            A file that has two of them is rejected.
    """

    name: str
    type: str
    required: bool = False
    doc: str = ""
    sensitive: bool = False
    thousands: str = ""
    decimal: str = "."
    was: tuple[str, ...] = ()
    header: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Validate the column."""
        if not NAME.fullmatch(self.name):
            raise ContractError(f"column name {self.name!r}", expected="lower case letters, digits and _")
        self._validate_type()
        if not self.doc:
            raise ContractError(f"column {self.name} has no doc", expected="a sentence on what it means")
        self._check_separators()
        self._validate_headers()
        self._validate_earlier_types()

    @property
    def headers(self) -> tuple[str, ...]:
        """The names by which it is found, as `plain_header` returns them."""
        return (self.name, *map(plain_header, self.header))

    def _validate_headers(self) -> None:
        names = self.header
        if not isinstance(names, tuple) or not all(isinstance(name, str) and name.strip() for name in names):
            raise ContractError(f"column {self.name} has header={names!r}", expected='a tuple, as ("Customer ID",)')

    def _validate_earlier_types(self) -> None:
        if lossy := [was for was in self.was if not is_lossless(was, self.type)]:
            raise ContractError(
                f"column {self.name} of type {self.type} was {', '.join(map(str, lossy))}",
                expected="earlier types every value of which is a value of the new one",
                remedy="keep the column as it was, and add a new, optional one of the other type beside it",
            )

    @property
    def kind(self) -> str:
        """The type without its digits, as in the reason `not_decimal`."""
        return self.type.partition("(")[0]

    @property
    def digits(self) -> tuple[int, int] | None:
        """Precision and scale of a decimal; None for other types."""
        found = DECIMAL.fullmatch(self.type)
        return (int(found[1]), int(found[2])) if found else None

    def _validate_type(self) -> None:
        if self.digits is None and self.type not in TYPES:
            raise ContractError(
                f"column {self.name} of type {self.type!r}",
                expected=f"one of {', '.join(TYPES)}, or decimal(p,s) without blanks, as in decimal(12,2)",
            )
        precision, scale = self.digits or (1, 0)
        if not (1 <= precision <= 38 and scale <= precision):
            raise ContractError(
                f"column {self.name} of type {self.type!r}",
                expected="1 to 38 digits, and no more of them behind the point",
            )

    def _check_separators(self) -> None:
        if (self.thousands, self.decimal) != ("", ".") and self.kind not in NUMBERS:
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
