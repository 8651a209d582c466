"""A verdict that somebody else's program gives: `{"verdict": "pass|wait|fail|abort|unknown", "reason": "…"}`."""

import msgspec

from rollout.core.event import Verdict


class Given(msgspec.Struct, frozen=True):
    """The whole answer; what else is in it is ignored."""

    verdict: Verdict
    reason: str = ""


def read_verdict(body: bytes) -> Given | None:
    """Read an answer; None = it is none, whatever it is."""
    try:
        return msgspec.json.decode(body, type=Given)
    except (msgspec.MsgspecError, RecursionError):
        return None
