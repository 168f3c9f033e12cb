"""The words a contract is written in: frozen dataclasses that refuse an invalid contract."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ledgerlake.contracts.columns import NAME, Column, plain_header
from ledgerlake.errors import ContractError

__all__ = ["Column", "Dataset", "QualityLimit", "Reference", "Rule", "in_order"]

PARTITION_TYPES = ("bigint", "int", "date")  # Athena does not partition by string
FORMATS = (".csv", ".csv.gz")
MOST_TESTS = 62
"""Flags of a row: the bits of a bigint that are safe to use."""

DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Rule:
    """A predicate in Spark SQL over the typed columns; a row for which it is false or NULL is rejected.

    Args:
        name: what a person reads as the reason.
        predicate: over the columns of the dataset. Where NULL is allowed, say so in it.
        shows: the columns whose values explain a broken rule.
    """

    name: str
    predicate: str
    shows: tuple[str, ...]

    def __post_init__(self) -> None:
        """Validate the rule."""
        if not NAME.fullmatch(self.name):
            raise ContractError(f"rule name {self.name!r}", expected="lower case letters, digits and _")
        if not self.shows:
            raise ContractError(f"rule {self.name} shows no column", expected="the columns whose values explain it")


@dataclass(frozen=True)
class Reference:
    """`column` holds a key of the table `dataset`; a row without its parent is parked."""

    column: str
    dataset: str


@dataclass(frozen=True)
class QualityLimit:
    """How many of a batch's rows may be rejected before a person has to look.

    A batch is quarantined when more than `reject_share` (0 to 1) of the rows read were rejected, and
    at least `from_rows` of them: a handful of bad rows is an everyday matter, whatever their share. A file that is
    rejected whole counts as one row there, however many lines it has; so files have a limit of their own, more than
    `file_share` of the batch's files and at least `from_files`: a single wrong file never stops the others.
    """

    reject_share: float = 0.5
    from_rows: int = 100
    file_share: float = 0.5
    from_files: int = 2

    def __post_init__(self) -> None:
        """Validate the limits."""
        if not (0 <= self.reject_share <= 1 and 0 <= self.file_share <= 1) or min(self.from_rows, self.from_files) < 1:
            raise ContractError(f"{self}", expected="shares from 0 to 1, and at least one row and one file")

    def passed_by(self, rejected: int, rows_read: int) -> bool:
        """Return whether so many rejects are too many."""
        return rejected >= self.from_rows and rejected > self.reject_share * rows_read

    def passed_by_files(self, rejected: int, files: int) -> bool:
        """Return whether so many files that were rejected whole are too many."""
        return rejected >= self.from_files and rejected > self.file_share * files


@dataclass(frozen=True)
class Dataset:
    """One dataset: its deliveries, its table, its Glue job, its checks.

    Args:
        name: of the table, and of the folder under `raw/`.
        job: name of the Glue job that alone writes the table.
        doc: the sentence that the catalogue shows.
        key: columns that identify a row; all required.
        partition_by: columns of the table's partitions; all required.
        references: parents that must be there before a row is.
        rules: beside required columns and types, which need no rule of their own.
        null_words: texts that mean "no value" in any column, in upper or lower case, beside the
            empty and the blank field.
        quality: when a batch of it has to be looked at by a person.
        formats: endings of the object keys that are read; another ending rejects the file.
        delimiter: what stands between two fields.
        ignored: header names that are known and left out, also where an optional column is absent.
        path_columns: columns whose value is taken from a folder of the key (`date=2025-04-03/`) when the file has no
            such column; a row that says otherwise than the path is rejected.
        gate: whether a batch waits for it: until one of its deliveries waits, or its table is there (as the setting
            `gate` says). A dataset that does not gate holds up nobody, also before its first delivery.
    """

    name: str
    job: str
    doc: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partition_by: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    rules: tuple[Rule, ...] = ()
    null_words: tuple[str, ...] = ()
    formats: tuple[str, ...] = FORMATS
    delimiter: str = ","
    quality: QualityLimit = QualityLimit()
    gate: bool = False
    ignored: tuple[str, ...] = ()
    path_columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Validate the dataset."""
        self._check_double_names()
        self._check_unknown_columns()
        self._check_optional("key", self.key)
        self._check_optional("partition", self.partition_by)
        if not self.key:
            raise ContractError(f"{self.name} has no key", expected="the columns that identify a row")
        for column in self.partition_by:
            if self.column(column).type not in PARTITION_TYPES:
                raise ContractError(
                    f"{self.name} is partitioned by {column}, a {self.column(column).type}",
                    expected=f"one of {', '.join(PARTITION_TYPES)}",
                )
        self._check_format()
        self._validate_tests()
        self._validate_headers()

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the required columns, in order."""
        return tuple(column.name for column in self.columns if column.required)

    @property
    def tests(self) -> tuple[tuple[str, str], ...]:
        """What a row is tested for, as kind and name: each test is one of the flags of a row."""
        tests = [("readable", "")]
        for column in self.columns:
            tests += [("required", column.name)] if column.required else []
            tests += [("type", column.name)] if column.type != "string" else []
        return (*tests, *(("rule", rule.name) for rule in self.rules))

    def column(self, name: str) -> Column:
        """Return the column of that name; ContractError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise ContractError(f"{self.name} has no column {name!r}", expected=", ".join(self.column_names))

    def _validate_headers(self) -> None:
        names = [name for column in self.columns for name in column.headers] + [*map(plain_header, self.ignored)]
        if doubled := sorted(name for name, count in Counter(names).items() if count > 1):
            raise ContractError(
                f"{self.name} finds more than one column under the header {', '.join(map(repr, doubled))}",
                expected="each header name once, among names, `header=` and `ignored=`",
            )

    def _check_format(self) -> None:
        if unknown := set(self.formats) - set(FORMATS):
            raise ContractError(f"{self.name} accepts {sorted(unknown)}", expected=f"some of {', '.join(FORMATS)}")
        if self.delimiter not in DELIMITERS:
            raise ContractError(
                f"{self.name} is delimited by {self.delimiter!r}", expected=f"one of {', '.join(map(repr, DELIMITERS))}"
            )
        if odd := [word for word in self.null_words if word != word.strip() or not word]:
            raise ContractError(
                f"{self.name} has the null words {odd}",
                expected="words without blanks around them",
            )

    def _validate_tests(self) -> None:
        if len(self.tests) > MOST_TESTS:
            kinds = Counter(kind for kind, _ in self.tests)
            raise ContractError(
                f"{self.name} tests each row {len(self.tests)} times: {kinds['required']} required columns, "
                f"{kinds['type']} columns that are no strings, {kinds['rule']} rules, and whether it can be read",
                expected=f"at most {MOST_TESTS} tests",
                remedy="make columns optional or strings, put rules together, or split the dataset",
            )

    def _check_double_names(self) -> None:
        counts = Counter([*self.column_names, *(f"rule {rule.name}" for rule in self.rules)])
        if doubled := sorted(name for name, count in counts.items() if count > 1):
            raise ContractError(f"{self.name} declares {', '.join(doubled)} more than once")

    def _check_unknown_columns(self) -> None:
        shown = [name for rule in self.rules for name in rule.shows]
        for name in [
            *self.key,
            *self.partition_by,
            *self.path_columns,
            *(ref.column for ref in self.references),
            *shown,
        ]:
            self.column(name)

    def _check_optional(self, use: str, names: tuple[str, ...]) -> None:
        for name in names:
            if not self.column(name).required:
                raise ContractError(f"{self.name}.{name} is part of the {use} but optional", expected="required=True")


def in_order(datasets: tuple[Dataset, ...]) -> dict[str, Dataset]:
    """Return the datasets by name, in their order, after checking that every parent comes first.

    Raises:
        ContractError: a name is used twice, or a reference names a dataset that does not come
            before it (so that there is no cycle), or one whose key is not a single column of
            the same type.
    """
    known: dict[str, Dataset] = {}
    for dataset in datasets:
        if dataset.name in known:
            raise ContractError(f"two datasets are called {dataset.name}")
        for reference in dataset.references:
            parent = known.get(reference.dataset)
            if parent is None:
                raise ContractError(
                    f"{dataset.name}.{reference.column} references {reference.dataset!r}",
                    expected=f"a dataset declared before it: {', '.join(known) or 'none is'}",
                )
            types = [parent.column(name).type for name in parent.key]
            if types != [dataset.column(reference.column).type]:
                raise ContractError(
                    f"{dataset.name}.{reference.column} references {parent.name}{parent.key} of {types}",
                    expected="a key of one column and of the same type",
                )
        known[dataset.name] = dataset
    return known
