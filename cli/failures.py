"""Errors of the command line, and the exit codes by which scripts know the reason."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, NoCredentialsError

from cli.console import stderr, styled
from ledgerlake.errors import LedgerlakeError

FAILED, USAGE, NOT_UP, TIMED_OUT, GATE_CLOSED, INTERRUPTED = 1, 2, 3, 4, 5, 130

EXIT_CODES = (
    "Exit codes: 0 done · 1 a run, a check or a query failed · 2 the command was mistyped or names what is not there · "
    "3 the lake is not up · 4 time ran out · 5 the gate is closed · 130 interrupted."
)


class Failed(LedgerlakeError):
    """A run, a check or a query of the lake failed."""

    exit_code = FAILED


class UsageError(LedgerlakeError):
    """The command names something that is not there."""

    exit_code = USAGE


class LakeUnavailable(LedgerlakeError):
    """Nobody answers where the lake should be."""

    exit_code = NOT_UP


class TimedOut(LedgerlakeError):
    """It did not happen in the given time; it continues without the command."""

    exit_code = TIMED_OUT


class GateClosed(LedgerlakeError):
    """Deliveries wait for deliveries of other datasets; nothing is wrong."""

    exit_code = GATE_CLOSED


def explain(error: Exception) -> LedgerlakeError:
    """Return the error with an expectation and a next step; raise one that is unknown again."""
    if isinstance(error, LedgerlakeError):
        return error
    if isinstance(error, NoCredentialsError):
        return LakeUnavailable(
            "no AWS credentials were found", expected="a profile or AWS_* variables", remedy="aws sso login"
        )
    if isinstance(error, ConnectionError):
        return LakeUnavailable(
            f"no answer: {error}", expected="the lake to be up", remedy="ledgerlake up (or: ledgerlake status)"
        )
    if isinstance(error, ClientError):
        operation, said = error.operation_name, error.response["Error"]
        return Failed(f"AWS refused {operation}: {said.get('Code')}: {said.get('Message')}", remedy="ledgerlake status")
    if isinstance(error, BotoCoreError):
        return Failed(f"AWS could not be asked: {error}", remedy="check the profile and region, then try again")
    raise error


def print_error(error: LedgerlakeError) -> int:
    """Print the error on stderr in up to three lines; returns the exit code."""
    stderr.print(styled("✗ ", "bold red") + styled(error.seen))
    if error.expected:
        stderr.print(f"  expected: {error.expected}")
    if error.remedy:
        stderr.print(styled("  next step: ") + styled(error.remedy, "bold"))
    return int(getattr(error, "exit_code", FAILED))
