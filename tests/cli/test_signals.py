"""The first signal stops resumable, the second ends the process at once."""

import asyncio
import os
import signal

import pytest

from rollout.cli.signals import SIGNALS, interrupts


class AtOnce(Exception):
    """The process would have ended here."""


async def turn() -> None:
    """Let a signal reach the loop."""
    await asyncio.sleep(0.01)


@pytest.mark.parametrize("number", SIGNALS)
async def test_the_first_signal_drains_and_ends_nothing(number: signal.Signals) -> None:
    drained: list[bool] = []
    with interrupts() as told:
        told.drain_by(lambda: drained.append(True))
        os.kill(os.getpid(), number)
        await turn()
        assert told.told
    assert drained == [True]


async def test_before_anything_is_begun_a_signal_cancels() -> None:
    with interrupts() as told:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(asyncio.CancelledError):
            await turn()
    assert told.told


async def test_a_second_signal_tidies_and_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def leave(code: int) -> None:
        seen.append(f"exit {code}")
        raise AtOnce

    monkeypatch.setattr(os, "_exit", leave)
    with interrupts() as told:
        told.drain_by(lambda: seen.append("drained"))
        told.tidy = lambda: seen.append("tidied")
        told.on_signal()
        with pytest.raises(AtOnce):
            told.on_signal()
    assert seen == ["drained", "tidied", "exit 130"]


async def test_the_signals_are_given_back() -> None:
    with interrupts():
        pass
    assert [signal.getsignal(number) for number in SIGNALS] == [signal.default_int_handler, signal.SIG_DFL]
