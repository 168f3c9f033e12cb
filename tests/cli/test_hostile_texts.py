"""What producers write acts nowhere: not on the terminal, not as markup, not as a line or a formula of its own."""

from __future__ import annotations

import ast
import csv
import io
import json
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.text import Text

from cli import failures
from cli.console import stacked, stderr, stdout, styled
from cli.failures import Failed, print_error
from cli.rows import Rows
from cli.views.showing import Format, show
from ledgerlake import names
from ledgerlake.intake.deliveries import waiting
from ledgerlake.planning import lease, quarantine
from ledgerlake.planning.batch import LIVE, make

CLI = Path(failures.__file__).parent
FORGED = "Task: forged"
HOSTILE = (
    f"a\n{FORGED}",
    f"b\r{FORGED}",
    f"c\u2028{FORGED}\x85{FORGED}",
    "d\x1b[31mred\x1b]0;owned\x07\x9b2J",
    "e\u202egnp.exe\u2066\u200b\u00ad\ufeff\U000e0041",
    "[/final] [red]f[/] [link=x] :smile: \\",
    "\\",
    "g\x7f\x08\x00",
)
TAKEN = "".join(HOSTILE)


def assert_safe(text: str) -> None:
    """No character but line breaks acts, and no line is a forged one."""
    acting = [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c != "\n"]
    assert acting == []
    assert not any(line.strip("│┃ ").startswith(FORGED) for line in text.splitlines())


def lines_of(result) -> str:
    assert_safe(result.stdout)
    assert_safe(result.stderr)
    return result.stdout + result.stderr


@pytest.fixture
def hostile_athena(lake):
    """Athena, whose every text is hostile."""
    lake.athena.columns = ["x[/red]", "n"]
    lake.athena.pages = [[[text, "-1.5"] for text in HOSTILE]]
    return lake.athena


@pytest.mark.parametrize("style", list(Format))
def test_a_query_prints_text_as_text(ledgerlake, hostile_athena, style):
    result = ledgerlake("query", "select 1", "-f", style.value)
    assert result.exit_code == 0, result.stderr
    assert "[/final] [red]f[/] [link=x] :smile:" in lines_of(result)


def test_json_holds_the_exact_values(ledgerlake, hostile_athena):
    found = json.loads(ledgerlake("query", "select 1", "-f", "json").stdout)
    assert [row["x[/red]"] for row in found] == list(HOSTILE)


def test_lone_surrogates_are_printed_and_json_keeps_them(capsys):
    for style in Format:
        show(Rows(("a",), [["\ud800"]]), style)
    table_json_csv = capsys.readouterr().out
    assert_safe(table_json_csv)
    assert '"\\ud800"' in table_json_csv


FORMULAS = ("=1+1", "+SUM(A1)", "-cmd|' /C calc'!A0", "@x", " =1", "＝1", "-", "+", "--1", "-1e", "=-1")
NUMBERS = ("-1", "+1.5", "-.5", "-1e-7", "1", "0.10")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_a_spreadsheet_would_compute_begins_with_an_apostrophe(capsys, text):
    show(Rows((text,), [[text]]), Format.CSV)
    assert list(csv.reader(io.StringIO(capsys.readouterr().out))) == [[f"'{text}"]] * 2


@pytest.mark.parametrize("number", [*NUMBERS, -1, -1.5])
def test_a_number_stays_a_number(capsys, number):
    show(Rows(("a",), [[number]]), Format.CSV)
    assert capsys.readouterr().out == f"a\n{number}\n"


@pytest.mark.parametrize("text", ["\t=1", "\r=1", "\n=1"])
def test_a_text_that_begins_with_a_control_character_is_no_formula(capsys, text):
    show(Rows(("a",), [[text]]), Format.CSV)
    assert capsys.readouterr().out.splitlines()[1][0] in "␉␍␊"


def test_rows_of_the_ledger_and_rejects_are_safe(ledgerlake, lake):
    for command, columns, row in (
        (["ledger"], None, ["20250402T080000Z-1a2b3c4d", "orders", f"raw/orders/{TAKEN}"]),
        (["rejects", "orders"], ["batch_id", "source_file", "source_row", "reasons", "original"], None),
    ):
        from ledgerlake.tables.ledger import COUNTS

        lake.athena.columns = columns or ["batch_id", "dataset", "source_file", *COUNTS]
        lake.athena.pages = [[[*row, *["0"] * len(COUNTS)]] if row else [["b", f"raw/{TAKEN}", "1", TAKEN, TAKEN]]]
        for style in Format:
            lines_of(ledgerlake(*command, "-f", style.value))


@pytest.fixture
def hostile_lake(lake):
    """Keys, strays, a quarantined batch, a lease, a dead letter: hostile, each of them."""
    keys = [*(f"raw/orders/{number}{text}.csv" for number, text in enumerate(HOSTILE)), f"raw/{TAKEN}.csv"]
    for key in keys:  # without what moto cannot list: XML has no such characters
        listed = "".join(c for c in key if c >= " " or c in "\n\r\t")
        lake.s3.put_object(Bucket=lake.bucket, Key=listed, Body=b"x")
    found = waiting(lake.s3, lake.bucket).deliveries
    batch = make(lake.s3, lake.bucket, found[:2], LIVE, set(), datetime.now(UTC))
    quarantine.set_aside(lake.s3, lake.bucket, batch.batch_id, f"orders: {TAKEN}")
    lease.acquire(lake.s3, lake.bucket, TAKEN, 3600)
    queue = lake.client("sqs").get_queue_url(QueueName=names.DEAD_LETTER_QUEUE)["QueueUrl"]
    event = {"Records": [{"s3": {"object": {"key": f"raw/{TAKEN}"}}}]}
    for body in ("\u202e [/final] \\", json.dumps(event), f"x\n{FORGED}"):
        lake.client("sqs").send_message(QueueUrl=queue, MessageBody=body)
    return batch.batch_id


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("quarantined",),
        ("dead-letters", "show"),
        ("lease", "show"),
        ("backfill", "--from", "2025-04-01", "--to", "2025-04-02", "--dry-run"),
    ],
)
def test_every_command_that_prints_rows_prints_hostile_ones_safely(ledgerlake, hostile_lake, command):
    for style in Format:
        result = ledgerlake(*command, "-f", style.value)
        assert result.exit_code == 0, result.stderr
        lines_of(result)


@pytest.mark.slow
def test_waiting_and_asking_show_hostile_texts_safely(ledgerlake, lake, hostile_lake):
    lines_of(ledgerlake("wait", "--timeout", 0))
    lines_of(ledgerlake("lease", "release"))
    lines_of(ledgerlake("accept", TAKEN.replace("\x00", "")))
    lines_of(ledgerlake("query", TAKEN.replace("\x00", "")))


@pytest.mark.parametrize("name", ["h[red].csv", "orders[/final].csv", "a\\.csv", "b\x1b[31m.csv", f"c\n{FORGED}.csv"])
def test_a_file_of_any_name_is_delivered_and_named(ledgerlake, lake, tmp_path, name):
    path = tmp_path / name.replace("/", "-")
    path.write_text("x")
    result = ledgerlake("deliver", "orders", path, "--as", name)
    assert result.exit_code == 0, result.stderr
    assert len(lines_of(result).splitlines()) == 1
    assert lake.s3.head_object(Bucket=lake.bucket, Key=f"raw/orders/{name}")


def test_an_error_is_three_lines_whatever_it_holds(capsys):
    print_error(Failed(TAKEN, expected=TAKEN, remedy=TAKEN))
    printed = capsys.readouterr().err
    assert_safe(printed)
    assert len(printed.splitlines()) == 3
    assert "[/final]" in printed
    assert_safe(str(Failed(TAKEN, expected=TAKEN, remedy=TAKEN)))


def test_what_is_styled_or_stacked_or_shown_by_a_spinner_is_safe(capsys):
    for console in (stdout, stderr):
        console.print(styled(TAKEN, "bold"))
        console.print(stacked([TAKEN, TAKEN]))
        console.print(TAKEN, Text("x"))
        with console.status(TAKEN) as spinner:
            assert "[/final]" in str(spinner.renderable.text)
    printed = capsys.readouterr()
    assert_safe(printed.out + printed.err)


ONLY_IN_CONSOLE = {"Console", "PlainConsole", "print_json", "rule", "log"}
ALSO = {
    "main.py": {"echo"},
    "showing.py": {"write", "Text", "Table"},
    "waiting.py": {"Live"},
    "demo.py": {"from_markup"},
    "sample.py": {"write"},
}
"""Other ways to print, each with a file that was looked at: a constant, escaped JSON, safe text, a file."""
PRINTERS = {"echo", "secho", "write", "writelines", "Text", "from_markup", "assemble", "Table", "Live", "Panel"}
KNOWN = {"stdout", "stderr", "console", "self._console"}


@pytest.mark.parametrize("path", sorted(CLI.rglob("*.py")), ids=lambda path: path.relative_to(CLI).as_posix())
def test_the_command_prints_only_through_its_two_consoles(path):
    if path.name == "console.py":
        return
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    for call in calls:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        where = f"{path.name}:{call.lineno}: {ast.unparse(call)[:80]}"
        assert name not in ONLY_IN_CONSOLE, where
        assert not {"markup", "emoji"} & {keyword.arg for keyword in call.keywords}, where
        if name in PRINTERS and "sample" not in path.parts:
            assert name in ALSO.get(path.name, set()), where
        if name == "print":
            assert isinstance(call.func, ast.Attribute), where
            assert ast.unparse(call.func.value) in KNOWN, where
        if name in ("confirm", "prompt"):
            values = [part for each in call.args for part in ast.walk(each) if isinstance(part, ast.FormattedValue)]
            shown = {ast.unparse(value.value) for value in values}
            assert all(each.startswith(("display_text(", "_where(")) or each == "held.since" for each in shown), where
