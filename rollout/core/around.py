"""What of the world around a rollout its decisions depend on: a freeze, other rollouts, and room under shared caps."""

from collections.abc import Mapping

import msgspec

from rollout.core.freeze import Freeze
from rollout.core.names import RolloutId, ServiceName


class Taken(msgspec.Struct, frozen=True):
    """Another rollout has a service first. `driven` = this engine goes on with that one, so it ends by itself."""

    rollout: RolloutId
    driven: bool


class Around(msgspec.Struct, frozen=True):
    """The world around one rollout."""

    freeze: Freeze | None = None
    taken: Mapping[ServiceName, Taken] = {}
    """Services whose deployment another rollout changes, or wants and came first."""
    abroad: frozenset[ServiceName] = frozenset()
    """Services that are under way in other rollouts of the same subscription."""
    room: int | None = None
    """How many services may be begun under the caps that rollouts share; None = any number."""
    room_said: str = ""
    """Which of them is used up, and by how many."""


ALONE = Around()
"""Nothing is around."""
