"""What is waited for: the end of a rollout, an approval that somebody owes, or the end of a wave. Pure."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from rollout.core.result import ExitCode, Result
from rollout.errors import EndpointUnreachable, UsageError

FINISHED: Final = "finished"
APPROVAL: Final = "approval"
_WAVE: Final = "wave:"


class Until(msgspec.Struct, frozen=True):
    """What is waited for; `wave` None = see `approval`, and without that the end."""

    approval: bool = False
    wave: str | None = None

    def __str__(self) -> str:
        if self.wave is not None:
            return f"{_WAVE}{self.wave}"
        return APPROVAL if self.approval else FINISHED


def until_of(text: str) -> Until:
    """Read `finished`, `approval` or `wave:NAME`. Raises UsageError."""
    if text == FINISHED:
        return Until()
    if text == APPROVAL:
        return Until(approval=True)
    if text.startswith(_WAVE) and text != _WAVE:
        return Until(wave=text.removeprefix(_WAVE))
    raise UsageError(f"{text!r} cannot be waited for: give finished, approval or wave:NAME")


def reached(until: Until, head: Mapping[str, Any]) -> Result | None:
    """Say how the waiting ends, by the head of a rollout; None = not yet.

    A rollout that is over, or that only a person moves on, ends every waiting with its own code.
    """
    if until.approval and (owed := _owed(head)):
        return Result(ExitCode.AS_ALLOWED, "approval", f"{head['id']} waits {'; '.join(owed)}")
    if until.wave is not None and _through(until.wave, head):
        return Result(ExitCode.AS_ALLOWED, str(until), f"wave {until.wave} of {head['id']} is through")
    known = head.get("result")
    if known is None:
        return None
    try:
        return msgspec.convert(known, Result)
    except msgspec.ValidationError as error:
        raise EndpointUnreachable(f"this daemon says how rollouts end in a way not known here: {error}") from error


def timed_out(until: Until, rollout: str, seconds: float, head: Mapping[str, Any] | None) -> Result:
    """Say that the time was over first; the rollout runs on."""
    said = f": {head['sentence']}" if head else ""
    return Result(ExitCode.STILL_RUNNING, "still running", f"{rollout} is not {until} after {seconds:g} s{said}")


def _owed(head: Mapping[str, Any]) -> list[str]:
    approvals = head.get("approvals", ())
    return [
        f"for {each.get('by')} to approve {'wave ' + each['scope'] if each.get('scope') else 'the rollout'}"
        for each in approvals
        if each.get("standing") == "pending"
    ]


def _through(name: str, head: Mapping[str, Any]) -> bool:
    """Tell whether every service of the wave has ended, and its watch is over. Raises UsageError."""
    waves = {each["name"]: each for each in head.get("waves", ())}
    if name not in waves:
        raise UsageError(f"{head['id']} has no wave {name}; it has {', '.join(waves) or 'none'}")
    wave = waves[name]
    return bool(wave["services"]) and wave["ended"] == wave["services"] and wave["state"] not in _UNDER_WATCH


_UNDER_WATCH: Final = frozenset({"is watched", "goes back"})
