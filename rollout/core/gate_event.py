"""What checks said before a change was begun, as a fact."""

import msgspec

from rollout.core.verdict import Evidence


class Baselined(msgspec.Struct, frozen=True, tag="baselined"):
    """The checks were asked before anything was touched. Those that were red are `excused` until they first pass."""

    excused: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    refused: str | None = None
    """Why the change is not begun at all."""
    hold: str | None = None
    """Why a person has to be asked first."""


GateFact = Baselined
