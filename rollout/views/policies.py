"""The policies that a rollout was given, as they were written: the submission's and each amendment's. Pure."""

from collections.abc import Mapping
from typing import Final

import msgspec

from rollout.core.fleet_state import RolloutState
from rollout.core.names import Digest
from rollout.policy.diff import diff
from rollout.settings.redaction import redact_text

TEXT_CHARS_MAX: Final = 200_000
"""Of one policy with its fleet; the blob has all of it."""


class PolicyText(msgspec.Struct, frozen=True):
    """One of them. Secrets of URLs and what else looks like one are left out of `text` and `diff`."""

    digest: str
    at: float
    """POSIX seconds, since when it is in force."""
    who: str
    note: str
    text: str
    """The policy and every document it is made of, each under a line with its name, and what these came to."""
    diff: str
    """Against the one before; empty for the first."""


def policy_texts(state: RolloutState, papers: Mapping[Digest, bytes]) -> tuple[PolicyText, ...]:
    """Give them in the order in which they were given; `papers` has the text of each by its digest."""
    found: list[PolicyText] = []
    before: str | None = None
    for given in state.policies:
        written = papers[given.digest].decode()
        differs = "" if before is None else redact_text(diff(before, written))
        text = redact_text(written)[:TEXT_CHARS_MAX]
        found.append(PolicyText(given.digest, given.at_wall, given.who, given.note, text, differs))
        before = written
    return tuple(found)
