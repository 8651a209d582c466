"""The log of the command line: warnings and up on stderr, one safe line each."""

from collections.abc import Iterator

import pytest
import structlog

from rollout.cli.log import ENTRIES_LOGGER, log_to_stderr


@pytest.fixture(autouse=True)
def configured() -> Iterator[None]:
    log_to_stderr()
    yield
    structlog.reset_defaults()


def test_a_warning_is_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger("rollout.platforms").warning("gate_failed", service="svc-0001", reason="a\nb\x1b[2J")
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert "level=warning event=gate_failed service=svc-0001" in told.err
    assert "\x1b" not in told.err


def test_what_is_no_warning_is_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger("rollout.engine").info("admitted", service="svc-0001")
    assert capsys.readouterr() == ("", "")


def test_no_secret_is_written_to_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    log = structlog.get_logger("rollout.platforms")
    log.warning("lost", detail="GET https://store.example/p?sig=CANARY-1", token="CANARY-2")  # noqa: S106 - a canary
    try:
        int("Bearer CANARY-3-abcdef")
    except ValueError:
        log.exception("broken")
    told = capsys.readouterr().err
    assert "CANARY" not in told
    assert "ValueError" in told


def test_entries_are_logged_only_where_they_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger(ENTRIES_LOGGER).warning("turned_back", service="svc-0001")
    assert capsys.readouterr().err == ""

    log_to_stderr(entries=True)
    structlog.get_logger(ENTRIES_LOGGER).warning("turned_back", service="svc-0001")
    assert "event=turned_back service=svc-0001" in capsys.readouterr().err
