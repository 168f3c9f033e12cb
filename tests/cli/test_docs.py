"""What the README, the docs and the errors tell people to type is what the command understands."""

import ast
import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from cli.main import app
from local.home import ROOT

DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCES = [
    path for folder in ("cli", "dags", "plugins", "glue_scripts", "lambdas") for path in (ROOT / folder).rglob("*.py")
]
STANDS_FOR = {
    "DATE": "2025-04-01",
    "N": "1",
    "SECONDS": "60",
}
"""What a word in capitals stands for; any other is taken as it is."""
_COMMAND = re.compile(
    r"(?:^|&& |; |\$\(|\n)\s*(?:[A-Z_]+=\S+ )*(?:\.venv/bin/|docker compose run --rm )?ledgerlake(?=\s)"
)
_TOLD = re.compile(r"\bledgerlake ((?:--\S+ )*)([a-z][a-z-]*)(?: ([a-z][a-z-]*))?")


def commands(text: str) -> list[str]:
    """Every `ledgerlake …` of a page: of its shell blocks, and of the code in its sentences and tables."""
    blocks = re.findall(r"```(?:bash|console)\n(.*?)```", text, re.DOTALL)
    inline = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [command for code in [*blocks, *inline] for command in _commands(code)]


def _commands(code: str) -> list[str]:
    code = re.sub(r"<<'?(\w+)'?\n.*?\n\1\n", "\n", code, flags=re.DOTALL).replace("\\\n", " ")
    found = []
    for match in _COMMAND.finditer(code):
        found.append(_until_its_end(code[match.end() :]))
    return found


def _until_its_end(text: str) -> str:
    """The arguments of one command: up to a line end, a pipe, a comment or `&&`, unless quoted."""
    quote = ""
    for place, character in enumerate(text):
        if character == quote:
            quote = ""
        elif not quote and character in "\"'":
            quote = character
        elif not quote and (character in "\n|;&#)" or text[place : place + 2] == " >"):
            return text[:place].strip()
    return text.strip()


def parse(arguments: str) -> None:
    """Parse as the command would, without doing anything.

    Raises:
        TyperException: there is no such command, option or choice, or an argument is missing.
    """
    words = [STANDS_FOR.get(word, word) for word in shlex.split(arguments) if word not in ("…", "...")]
    group = typer.main.get_command(app)
    context = group.make_context("ledgerlake", words)
    while isinstance(context.command, TyperGroup):
        rest = [*context._protected_args, *context.args]
        name, command, rest = context.command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)


def documented() -> list[tuple[str, str, str | None]]:
    """(where, command, word after it) of every text of the code that names a command."""
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found += [(f"{path.name}: {match[0]}", match[2], match[3]) for match in _TOLD.finditer(node.value)]
    return found


@pytest.mark.parametrize("page", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_of_a_page_is_understood(page):
    found = commands(page.read_text())
    assert found or page.name == "README.md", "a page about trouble has a command"
    for command in found:
        only_named = re.fullmatch(r"[a-z-]+( [a-z-]+)?", command)  # as in: ask with `ledgerlake query`
        try:
            parse(f"{command} --help" if only_named else command)
        except typer.Exit:
            pass  # --help
        except TyperException as error:
            pytest.fail(f"{page.name}: ledgerlake {command}: {error}")


@pytest.mark.parametrize(
    "wrong",
    ["nonsense", "wait --tiemout 3", "lease shew", "backfill --from yesterday", "deliver", "--env mars wait", "accept"],
)
def test_what_the_command_does_not_understand_is_found(wrong):
    with pytest.raises(TyperException):
        parse(wrong)


def test_commands_are_found_wherever_a_page_has_them():
    page = """Type `ledgerlake status`, not ledgerlake-status; then `x && ledgerlake wait --timeout 5 | cat`.
```bash
cat > a <<'CSV'
ledgerlake nonsense
CSV
.venv/bin/ledgerlake query "SELECT a
  FROM b; -- c"   # ledgerlake says
BATCH=$(ledgerlake quarantined)
```
```
ledgerlake output
```
"""
    assert commands(page) == ['query "SELECT a\n  FROM b; -- c"', "quarantined", "status", "wait --timeout 5"]


def test_an_assignment_or_another_command_before_it_does_not_hide_it():
    assert commands("`LEDGERLAKE_HOME=/tmp/x ledgerlake up; ledgerlake down`") == ["up", "down"]


def test_every_command_that_an_error_or_a_help_text_tells_exists():
    group = typer.main.get_command(app)
    wrong = []
    for where, name, after in documented():
        command = group.commands.get(name)
        if command is None or (isinstance(command, TyperGroup) and after not in command.commands):
            wrong.append(where)
    assert wrong == []


def test_the_errors_do_tell_commands():
    assert {"accept", "lease", "backfill", "run", "wait"} <= {name for _, name, _ in documented()}


def test_every_link_between_pages_leads_somewhere():
    for page in DOCS:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_page_about_trouble_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text()
    pages = [path for path in (ROOT / "docs").rglob("*.md") if path.name != "README.md"]
    assert len(pages) >= 5
    assert [path.name for path in pages if str(Path(path).relative_to(ROOT / "docs")) not in index] == []
