"""A broken promise: which one, in which run, when, and what had just happened."""

from collections.abc import Sequence
from typing import Final

from rollout.errors import InvariantBroken

EFFECTS_SHOWN: Final = 8


class Violation(InvariantBroken):
    """An invariant of reliability.md §2 did not hold."""

    def __init__(self, invariant: str, said: str, *, seed: int, at: float, last: Sequence[str]) -> None:
        """`at` is seconds of the world; `last` names the latest effects."""
        self.invariant = invariant
        self.said = said
        self.seed = seed
        self.at = at
        self.last = tuple(last[-EFFECTS_SHOWN:])
        recent = "".join(f"\n    {each}" for each in self.last)
        super().__init__(f"{invariant} in seed {seed} at {at:.1f} s: {said}; the last effects:{recent or ' none'}")
