"""How long the emulated service takes: recorded durations, and a seeded draw from them."""

from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from typing import Final

from rollout.emulator import chance
from rollout.errors import InvariantBroken


class Recorded(Enum):
    """Seconds from the accepting reply to the first Succeeded: (min, p50, p90, max) of recorded live traffic.

    They are rounded up to the recorder's poll, so they are upper bounds. What was never recorded borrows a row: one
    walked domain is one single-domain upgrade, the Locked phase of a begin is a swap, a boot is a create, a reboot or
    reimage is a rebuild.
    """

    UPGRADE = (393.0, 543.0, 546.0, 546.0)
    SWAP = (29.0, 30.0, 30.0, 30.0)
    STATUS_RUNNING = (5.0, 6.0, 31.0, 31.0)
    STATUS_SUSPENDED = (5.0, 30.0, 31.0, 31.0)
    CREATE = (16.0, 31.0, 91.0, 152.0)
    CONFIG = (60.0, 242.0, 423.0, 483.0)
    DELETE_BY_NAME = (4.0, 31.0, 33.0, 36.0)
    DELETE_BY_SLOT = (12.0, 17.0, 19.0, 19.0)
    DELETE_MEDIA = (10.0, 32.0, 126.0, 428.0)
    DELETE_SERVICE = (29.0, 31.0, 91.0, 363.0)
    REBUILD = (121.0, 123.0, 150.0, 150.0)
    DELETE_INSTANCES = (180.0, 183.0, 212.0, 212.0)
    EXTENSION = (0.0, 30.0, 31.0, 35.0)
    PACKAGE = (31.0, 32.0, 32.0, 32.0)
    FAILURE = (30.0, 33.0, 34.0, 64.0)

    def at(self, quantile: float) -> float:
        """Give the seconds at a quantile in [0, 1], along straight lines between the recorded points."""
        points = zip(_QUANTILES, self.value, strict=True)
        for (low, low_s), (high, high_s) in pairwise(points):
            if quantile <= high:
                return low_s + (high_s - low_s) * (quantile - low) / (high - low)
        raise InvariantBroken(f"the quantile {quantile} is above 1")


_QUANTILES: Final = (0.0, 0.5, 0.9, 1.0)


@dataclass(slots=True)
class Durations:
    """Draws keyed by (seed, service, verb, domain, count): the same per service, whatever the others do meanwhile."""

    seed: int
    _counts: dict[tuple[str, str, int], int] = field(default_factory=dict)

    def draw(self, recorded: Recorded, service: str, verb: str, domain: int | None = None) -> float:
        """Give seconds of the emulated service; each call with the same key is that key's next draw."""
        key = (service, verb, -1 if domain is None else domain)
        count = self._counts.get(key, 0)
        self._counts[key] = count + 1
        return recorded.at(chance.unit(self.seed, *key, count))
