"""When an engine process dies: at a moment on its way to the world, between two steps, or at a random time."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from rollout.simulation.stage import SAFETY_S
from rollout.simulation.weather import Weather

DOWN_S: Final = (0.1, 400.0)
"""How long nobody runs after a death."""
DEATHS_MAX: Final = 3
FREEZES_MAX: Final = 2
FREEZE_S: Final = (1.0, 1800.0)
AGAIN: Final = 0.5
"""The share of second and third deaths that come while the next life is still finding its way back."""
RECOVERY_MOMENTS: Final = 12
MOMENTS: Final = 120
"""A death at a moment is drawn from so many of a life's first ones."""
STEPS: Final = 8_000
"""A death between two steps is drawn from so many of a life's first ones."""
KINDS: Final = 3


@dataclass(frozen=True, slots=True)
class Death:
    """How one life ends: at a moment, at a step, or after seconds; and how long nobody runs after it."""

    moment: int | None = None
    step: int | None = None
    after_s: float | None = None
    down_s: float = 0.0
    power_lost: bool = False
    """Whether the machine dies too, and with it what no sync had made durable."""

    @property
    def kind(self) -> str:
        """Name what decides when it comes."""
        if self.moment is not None:
            return "at a moment"
        return "between two steps" if self.step is not None else "at a random time"

    def told(self, moments: Sequence[str]) -> str:
        """Say how it died; `moments` are those of the life that ended."""
        if self.moment is not None and moments:
            return f"at the moment: {moments[-1]}"
        return "between two steps" if self.step is not None else "at a random time"


@dataclass(frozen=True, slots=True)
class Freeze:
    """One process gets no turn for a while, as after SIGSTOP, and goes on without having noticed."""

    at: float
    lasts_s: float


def drawn_freezes(weather: Weather) -> Iterator[Freeze]:
    """Draw when the process of that moment is frozen."""
    for number in range(FREEZES_MAX):
        if weather.happens("freeze", number):
            lasts_s = FREEZE_S[0] * (FREEZE_S[1] / FREEZE_S[0]) ** weather.amount(0, 1, "frozen", number)
            yield Freeze(weather.amount(0, SAFETY_S / 3, "freeze", number), lasts_s)


def drawn_deaths(weather: Weather) -> deque[Death]:
    """Draw the deaths of a run, in order."""
    count = min(DEATHS_MAX, int(weather.amount(0, 1 + DEATHS_MAX, "deaths") * min(weather.factor("death"), 1.0)))
    deaths = deque[Death]()
    for number in range(count):
        down_s = DOWN_S[0] * (DOWN_S[1] / DOWN_S[0]) ** weather.amount(0, 1, "down", number)
        power_lost = weather.number(2, "power", number) == 1
        deaths.append(replace(_drawn(weather, number), down_s=down_s, power_lost=power_lost))
    return deaths


def _drawn(weather: Weather, number: int) -> Death:
    if number and weather.amount(0, 1, "again", number) < AGAIN:
        return Death(moment=weather.number(RECOVERY_MOMENTS, "moment again", number))
    match weather.number(KINDS, "kind of death", number):
        case 0:
            return Death(moment=weather.number(MOMENTS, "moment", number))
        case 1:
            return Death(step=weather.number(STEPS, "step", number))
        case _:
            return Death(after_s=weather.amount(0, SAFETY_S / 3, "after", number))
