"""How a command ends when something is in its way: an exception becomes words on stderr and an exit code."""

import os
import sys
import traceback
from collections.abc import Iterator
from enum import IntEnum
from typing import Final, NamedTuple

import click

from rollout.errors import RolloutError, UsageError
from rollout.views.text import printable

DEBUG_VARIABLE: Final = "ROLLOUT_DEBUG"


class Code(IntEnum):
    """Exit codes that no error class carries (sysexits where one fits)."""

    ERROR = 1
    OUR_BUG = 70
    INTERRUPTED = 130


class Ending(NamedTuple):
    """What is said on stderr (may be empty), and the exit code."""

    message: str
    code: int


def ending(error: BaseException) -> Ending:
    """Judge what ended a command. What nobody foresaw is our own mistake, and says so."""
    causes = list(_leaves(error))
    for unforeseen in causes:
        if not isinstance(unforeseen, _FORESEEN):
            return Ending(_fit(_our_bug(unforeseen)), Code.OUR_BUG)
    told = _foreseen(causes[0])
    return told._replace(message=_fit(told.message))


_FORESEEN = (RolloutError, click.ClickException, click.exceptions.Exit, click.Abort, KeyboardInterrupt, BrokenPipeError)


def _foreseen(error: BaseException) -> Ending:
    match error:
        case RolloutError():
            return Ending(f"error: {error}", error.exit_code)
        case click.UsageError():
            return Ending(_usage(error), UsageError.exit_code)
        case click.ClickException():
            return Ending(f"error: {error.format_message()}", Code.ERROR)
        case click.exceptions.Exit():
            return Ending("", error.exit_code)
        case BrokenPipeError():
            _drop_stdout()
            return Ending("", Code.ERROR)
        case _:
            return Ending("interrupted", Code.INTERRUPTED)


def _usage(error: click.UsageError) -> str:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.format_message()
    context = error.ctx
    where = f"{context.get_usage()}\nTry '{context.command_path} --help'.\n" if context else ""
    return f"{where}error: {error.format_message()}"


def _our_bug(error: BaseException) -> str:
    said = str(error) or "no message"
    details = "".join(traceback.format_exception(error)) if os.environ.get(DEBUG_VARIABLE) else ""
    advice = "" if details else f" Run it again with {DEBUG_VARIABLE}=1 for the details, and report them."
    return (
        f"{details}error: this is a bug in rollout, not in your files: {type(error).__name__}: {said}. "
        f"What was recorded is kept, and the same command goes on from there.{advice}"
    )


def _fit(message: str) -> str:
    """Make a message fit for a terminal and for a log that others read: no controls, no secrets."""
    if not message:
        return ""
    from rollout.settings.redaction import redact_text

    return printable(redact_text(message))


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """Look through exception groups: a task group wraps even a single error."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


def _drop_stdout() -> None:
    # The interpreter flushes stdout once more at its end, and would complain about the reader that has gone.
    try:
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, sys.stdout.fileno())
    except (OSError, ValueError):
        return
