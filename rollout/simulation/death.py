"""When an engine process dies: at a moment on its way to the world, between two steps, or at a random time."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rollout.simulation.stage import SAFETY_S
from rollout.simulation.weather import Weather

DOWN_S: Final = (0.1, 400.0)
"""How long nobody runs after a death."""
DEATHS_MAX: Final = 3
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

    def told(self, moments: Sequence[str]) -> str:
        """Say how it died; `moments` are those of the life that ended."""
        if self.moment is not None and moments:
            return f"at the moment: {moments[-1]}"
        return "between two steps" if self.step is not None else "at a random time"


def drawn_deaths(weather: Weather) -> deque[Death]:
    """Draw the deaths of a run, in order."""
    count = min(DEATHS_MAX, int(weather.amount(0, 1 + DEATHS_MAX, "deaths") * min(weather.factor("death"), 1.0)))
    deaths = deque[Death]()
    for number in range(count):
        down_s = DOWN_S[0] * (DOWN_S[1] / DOWN_S[0]) ** weather.amount(0, 1, "down", number)
        match weather.number(KINDS, "kind of death", number):
            case 0:
                deaths.append(Death(moment=weather.number(MOMENTS, "moment", number), down_s=down_s))
            case 1:
                deaths.append(Death(step=weather.number(STEPS, "step", number), down_s=down_s))
            case _:
                deaths.append(Death(after_s=weather.amount(0, SAFETY_S / 3, "after", number), down_s=down_s))
    return deaths
