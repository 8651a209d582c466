"""The weather of a run: which faults strike where, drawn from the seed by key, so that no draw depends on another.

Swarm rule: for each seed a fault is switched off with probability 0.4, else scaled by 0.3, 1 or 2.5. Runs in which only
some faults are strong find more than runs in which all of them are mild.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from typing import Final

from rollout.emulator.chance import unit


class Profile(StrEnum):
    """How bad the weather is."""

    NONE = "none"
    REALISTIC = "realistic"
    STORM = "storm"


OFF: Final = 0.4
SCALES: Final = (0.3, 1.0, 2.5)

CONNECT: Final[Mapping[str, float]] = {"refused": 0.03, "connect_hangs": 0.02, "connect_slow": 0.1}
"""What keeps a call from leaving, or lets it leave late."""
REQUEST: Final[Mapping[str, float]] = {
    "vanishes": 0.02,
    "reset_before": 0.03,
    "late": 0.03,
    "reset_after": 0.03,
    "silent_after": 0.02,
}
"""What happens to a call on its way there and back."""
READ: Final[Mapping[str, float]] = {"read_reset": 0.02, "read_hangs": 0.01}
ANSWER: Final[Mapping[str, float]] = {"half_answer": 0.02}
"""What happens to an answer's bytes; in the direct lane there are none."""
SPOILT: Final[Mapping[str, float]] = {"wrong_root": 0.01, "page": 0.01, "too_large": 0.005}
"""What stands in the place of an answer's document, under its own status; in the direct lane there are none."""
SERVICE: Final[Mapping[str, float]] = {
    "409": 0.02,
    "500": 0.02,
    "503": 0.05,
    "busy": 0.03,
    "307": 0.01,
    "500_after": 0.01,
    "timeout_after": 0.02,
    "lose_before": 0.01,
    "lose_after": 0.01,
    "cut": 0.02,
    "html": 0.01,
    "html_503": 0.01,
}
"""What the service answers to a call, by the emulator's names."""
SERVICE_READ: Final[Mapping[str, float]] = {"500": 0.01, "503": 0.02, "busy": 0.01, "lose_before": 0.005}
WORK: Final[Mapping[str, float]] = {"fail": 0.04, "slow": 0.05, "stuck": 0.02, "sick": 0.04}
"""What happens to an accepted operation and its instances."""
WRITE: Final[Mapping[str, float]] = {"short_write": 0.03, "disk_full": 0.004}
"""What happens to bytes on their way to the disk."""
SYNC: Final[Mapping[str, float]] = {"sync_error": 0.003}
OPERATION: Final[Mapping[str, float]] = {"id_young": 0.05, "id_forgotten": 0.02}
"""What Get Operation Status does not know."""
GATE: Final[Mapping[str, float]] = {"gate_unknown": 0.03, "gate_hangs": 0.01, "gate_red": 0.02}
"""What becomes of a check that asks somebody outside."""
WORLD: Final[Mapping[str, float]] = {
    "flap": 0.15,
    "stranger": 0.03,
    "blackout": 0.3,
    "throttle": 0.4,
    "clock": 0.3,
    "freeze": 0.3,
}
"""What happens beside the calls; once for each service, or once for each run."""
PEOPLE: Final[Mapping[str, float]] = {"stop": 0.1, "pause": 0.1, "turn_back": 0.05}
"""What people say of a service."""

REALISTIC: Final = 0.15
"""How much milder ordinary weather is than a storm."""
REALISTIC_OF: Final[Mapping[str, float]] = {"death": 0.3}
"""Where ordinary weather is not so much milder: every sixth run sees its engine die."""
_STORM_ONLY: Final = frozenset({*PEOPLE, "stranger", "id_young", "id_forgotten"})


@dataclass(slots=True)
class Weather:
    """Rates of one seed. From `calm_at` on, in seconds of the world, nothing strikes any more."""

    seed: int
    profile: Profile
    calm_at: float = inf
    hits: Counter[str] = field(default_factory=Counter)
    """How often each fault struck."""
    _counts: Counter[tuple[str, ...]] = field(default_factory=Counter)
    _factors: dict[str, float] = field(default_factory=dict)

    def factor(self, fault: str) -> float:
        """Give how much stronger than its ordinary rate a fault is in this seed; 0 = it is off."""
        known = self._factors.get(fault)
        if known is None:
            known = self._factors[fault] = self._drawn_factor(fault)
        return known

    def _drawn_factor(self, fault: str) -> float:
        if self.profile is Profile.NONE:
            return 0.0
        if self.profile is Profile.REALISTIC:
            return 0.0 if fault in _STORM_ONLY else REALISTIC_OF.get(fault, REALISTIC)
        drawn = unit(self.seed, "swarm", fault)
        if drawn < OFF:
            return 0.0
        return SCALES[int((drawn - OFF) / (1 - OFF) * len(SCALES))]

    def strike(self, rates: Mapping[str, float], *key: str) -> str | None:
        """Draw whether one of several faults strikes here; each draw with the same key is that key's next."""
        if self.profile is Profile.NONE:
            return None
        if not any(self.factor(fault) for fault in rates):
            return None
        number = self._counts[key]
        self._counts[key] += 1
        drawn = unit(self.seed, *key, number)
        for fault, rate in rates.items():
            drawn -= rate * self.factor(fault)
            if drawn < 0:
                self.hits[fault] += 1
                return fault
        return None

    def amount(self, low: float, high: float, *key: str | int) -> float:
        """Draw a number between two bounds."""
        return low + (high - low) * unit(self.seed, "amount", *key)

    def number(self, limit: int, *key: str | int) -> int:
        """Draw a whole number from 0 to `limit` - 1."""
        return int(unit(self.seed, "number", *key) * limit)

    def happens(self, fault: str, *key: str | int) -> bool:
        """Draw once whether something happens at all."""
        rate = WORLD.get(fault, PEOPLE.get(fault, 0.0))
        return unit(self.seed, "happens", fault, *key) < rate * self.factor(fault)
