"""A plan in time: legs, bakes and waves as spans, in seconds from the rollout's opening. Frozen data."""

from collections.abc import Mapping

import msgspec

from rollout.core.caps import Caps, Load
from rollout.core.freeze import Freeze
from rollout.core.names import ServiceName
from rollout.planning.turns import Paces


class Span(msgspec.Struct, frozen=True):
    """A leg in time, in seconds from the rollout's opening."""

    what: str
    from_s: float
    to_s: float
    domain: int | None = None


class WaveSpan(msgspec.Struct, frozen=True):
    """A wave in time; `bakes` are those of its services together."""

    opens_s: float | None
    ends_s: float | None
    bakes: tuple[Span, ...] = ()


class Schedule(msgspec.Struct, frozen=True):
    """Everything in time. What never begins has no spans."""

    services: Mapping[ServiceName, tuple[Span, ...]]
    """In the order in which they begin."""
    waves: Mapping[str, WaveSpan]
    finish_s: float | None
    """None = it never ends by itself."""
    stuck: str = ""
    """Why not."""
    at_once: int = 0
    """The most that were in flight together."""


class Terms(msgspec.Struct, frozen=True):
    """What a schedule depends on besides plan and legs."""

    begins_wall: float
    paces: Paces = Paces()
    room: int | None = None
    """How many services the caps that rollouts share let be in flight."""
    caps: tuple[Caps, ...] = ()
    """Those caps, for what of services may be down at once."""
    sizes: Mapping[ServiceName, Load] = {}
    """All domains and instances of each service, as far as they are known."""
    freeze: Freeze | None = None
    late_approvals: bool = False
    """People say yes at the last moment instead of at once."""
