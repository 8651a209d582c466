"""Every way a command can end has its message and its exit code."""

import click
import pytest

from rollout.cli.ending import DEBUG_VARIABLE, ending
from rollout.errors import (
    CommandRefused,
    EndpointUnreachable,
    InvariantBroken,
    JournalFull,
    PlatformError,
    PolicyError,
    Problem,
    RolloutError,
    StateInUse,
    UsageError,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PlatformError("x"), 1),
        (JournalFull("x"), 1),
        (CommandRefused("x"), 6),
        (UsageError("x"), 64),
        (PolicyError([Problem("p.yaml", 1, 2, "", "x")]), 65),
        (EndpointUnreachable("x"), 69),
        (StateInUse("x"), 75),
    ],
)
def test_an_error_for_people_ends_with_its_own_code(error: RolloutError, code: int) -> None:
    assert ending(error) == (f"error: {error}", code)


def test_every_line_of_a_message_is_kept_and_controls_are_not() -> None:
    assert ending(CommandRefused("changed:\n-a\n+b\x1b[2J")).message == "error: changed:\n-a\n+b\\x1b[2J"


def test_an_error_is_found_inside_nested_groups() -> None:
    nested = ExceptionGroup("tasks", [ExceptionGroup("more", [StateInUse("held by 12")])])
    assert ending(nested) == ("error: held by 12", 75)


def test_our_own_mistake_wins_over_an_error_that_came_with_it() -> None:
    told = ending(ExceptionGroup("tasks", [CommandRefused("no"), InvariantBroken("two owners")]))
    assert told.code == 70
    assert "bug in rollout" in told.message
    assert "InvariantBroken: two owners" in told.message


@pytest.mark.parametrize("error", [InvariantBroken("x"), ZeroDivisionError("x"), RecursionError()])
def test_what_nobody_foresaw_is_one_line_that_says_how_to_see_more(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(DEBUG_VARIABLE, raising=False)
    told = ending(error)
    assert told.code == 70
    assert "\n" not in told.message
    assert f"{DEBUG_VARIABLE}=1" in told.message


def test_the_traceback_is_shown_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEBUG_VARIABLE, "1")
    with pytest.raises(TypeError) as caught:
        len(1)  # type: ignore[arg-type] # any mistake will do
    told = ending(caught.value)
    assert told.message.startswith("Traceback")
    assert __file__ in told.message


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_an_interruption_is_130(error: BaseException) -> None:
    assert ending(error) == ("interrupted", 130)


def test_a_reader_that_has_gone_is_no_news() -> None:
    assert ending(ExceptionGroup("tasks", [BrokenPipeError()])) == ("", 1)


@pytest.mark.parametrize("error", [UsageError, InvariantBroken])
def test_a_secret_in_a_message_is_not_shown(error: type[Exception]) -> None:
    message = ending(error("cannot read https://store.example/web.cspkg?sv=1&sig=CANARY-7f3a of release")).message
    assert "CANARY" not in message
    assert "https://store.example/web.cspkg?" in message
