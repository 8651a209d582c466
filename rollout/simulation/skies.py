"""What the weather does to the service: faults drawn call by call, in place of a list written by hand."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from rollout.emulator.faults import CALL_EFFECTS, Effect, Fault, Faults
from rollout.emulator.knobs import READ_VERBS, Knobs
from rollout.simulation.weather import SERVICE, SERVICE_READ, SYNC, WORK, WRITE, Profile, Weather

SLOW_S: Final = (30.0, 900.0)
STUCK_FOR_EVER: Final = 0.5
"""The share of stuck domains that never come out of it."""
STUCK_S: Final = (600.0, 5400.0)


@dataclass(slots=True)
class DrawnFaults(Faults):
    """Faults that come as the weather has it; `time` gives seconds of the world, to know when it is calm."""

    weather: Weather | None = None
    time: Callable[[], float] = float

    def take(self, effects: Collection[Effect], service: str, verb: str, domain: int | None) -> Fault | None:
        """Draw whether this call or piece of work is struck."""
        listed = super(DrawnFaults, self).take(effects, service, verb, domain)  # slots leave no bare super()
        if listed is not None:
            return listed
        weather = self.weather
        if weather is None or self.time() >= weather.calm_at:
            return None
        if effects is CALL_EFFECTS:
            rates = SERVICE_READ if verb in READ_VERBS else SERVICE
            key: tuple[str, ...] = ("call", service, verb)
        else:
            rates = {effect: WORK[effect] for effect in sorted(effects) if effect in WORK}
            key = ("work", "+".join(rates), service, verb, "" if domain is None else str(domain))
        struck = weather.strike(rates, *key)
        return None if struck is None else self._fault(weather, Effect(struck), service, verb)

    def _fault(self, weather: Weather, effect: Effect, service: str, verb: str) -> Fault:
        number = weather.hits[effect]
        if effect is Effect.SLOW:
            return Fault(effect=effect, seconds=weather.amount(*SLOW_S, "slow", service, verb, number))
        if effect is Effect.STUCK and weather.amount(0, 1, "for ever", service, verb, number) >= STUCK_FOR_EVER:
            return Fault(effect=effect, seconds=weather.amount(*STUCK_S, "stuck", service, verb, number))
        return Fault(effect=effect)


@dataclass(slots=True)
class DiskSky:
    """What the weather does to the journal's disk; `time` gives seconds of the world."""

    weather: Weather
    time: Callable[[], float]
    _drawn: int = 0

    def strike(self, what: str) -> str | None:
        """Draw what strikes a write or a sync."""
        if self.time() >= self.weather.calm_at:
            return None
        return self.weather.strike(WRITE if what == "write" else SYNC, "disk", what)

    def amount(self, low: float, high: float, what: str) -> float:
        """Draw a number."""
        self._drawn += 1
        return self.weather.amount(low, high, "disk", what, self._drawn)


def drawn_knobs(weather: Weather) -> Knobs:
    """Draw how the service behaves where its contract is silent; in other weather it behaves as is likeliest."""
    if weather.profile is not Profile.STORM:
        return Knobs()
    chosen: dict[str, object] = {}
    for knob, values in _CHOICES.items():
        place = weather.number(2 * len(values), "knob", knob)
        if weather.factor(knob) and place < len(values):
            chosen[knob] = values[place]
    return Knobs.model_validate(chosen)


_CHOICES: Final[dict[str, tuple[object, ...]]] = {
    "walk_wrong_domain": (409,),
    "walk_no_update": (409,),
    "walk_done_domain": (409, "accept"),
    "walk_while_during": (400,),
    "rollback_denied": (409,),
    "rollback_flag": (False, "absent"),
    "rollback_pointer": ("resume",),
    "conflict_text": ("without_id",),
    "manual_op_done": ("last_walk",),
    "label_flip": ("first_walk", "end"),
    "settle_lag_s": (8.0, 60.0, 226.0),
    "unknown_operation": (400,),
    "accept_delay_s": (0.0, 5.0, 120.0),
    "domain_spread": ("blocks",),
}
"""What a knob may be besides its default."""
