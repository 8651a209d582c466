"""What was expected of a rollout when it was submitted: a part of its first fact. Frozen data.

The plan's whole document is a payload beside it; what is shown all the time stands here, so that nothing is looked up.
"""

import msgspec

from rollout.core.names import Digest


class WaveForeseen(msgspec.Struct, frozen=True):
    """When a wave was expected to be open, in seconds from the rollout's opening; None = never by itself."""

    opens_s: float | None
    ends_s: float | None
    """With its bake."""

    @property
    def lasts_s(self) -> float | None:
        """How long it was expected to be open."""
        return None if self.opens_s is None or self.ends_s is None else self.ends_s - self.opens_s


class Foreseen(msgspec.Struct, frozen=True):
    """A forecast: of everything, and of each wave."""

    document: Digest
    """The payload with the plan as `rollout plan -o json` writes it."""
    waves: dict[str, WaveForeseen]
    finish_s: float | None
