"""Crash everywhere: die at every moment of a calm rollout, one by one, and end as if nothing had happened.

A moment lies on each side of every append, of its sync, and of every call. Each is died at three times: once with the
process alone, once with the whole machine, and once more while the next life is still finding its way back.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from rollout.core.change_plan import ConfigurePlan, StatusPlan, SwapPlan, UpgradePlan, updates
from rollout.emulator.faults import Effect, Fault
from rollout.platforms.classic.vocabulary import Verb
from rollout.simulation.besides import Crash
from rollout.simulation.death import RECOVERY_MOMENTS, Death
from rollout.simulation.play import Played, Script, play
from rollout.simulation.stage import Stage
from rollout.simulation.weather import Profile

EACH_TIME: Final = 1_000
"""A fault that struck once only would let the repeat of a call succeed whose failure a dead engine never heard of."""
ILL_S: Final = 1e6
"""An instance that is away for so long does not come back in time."""
DOWN_S: Final = 5.0
"""How long nobody runs after each death."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What goes on while it dies."""

    name: str
    faults: Sequence[Fault] = ()
    after: Mapping[Verb, Crash] = field(default_factory=dict)
    """An instance that fails by itself so many seconds after the first call of a kind took effect."""

    def script(self, deaths: Sequence[Death] = ()) -> Script:
        """Write down what happens."""
        return Script(faults=self.faults, deaths=deaths, after=self.after)


@dataclass(frozen=True, slots=True)
class Difference:
    """A death after which something was not as without it."""

    scene: str
    moment: int
    about: str
    said: str


@dataclass(slots=True)
class Everywhere:
    """What all those deaths came to."""

    points: Counter[str] = field(default_factory=Counter)
    """How many moments of each kind there are."""
    lives: int = 0
    """How often a rollout was begun or gone on with."""
    differences: list[Difference] = field(default_factory=list)


def scenes(stage: Stage) -> Iterator[Scene]:
    """Give what is worth dying in: everything as planned, and a first service that has to go back."""
    plan = stage.compiled.services[0]
    first, planned = plan.service, Scene("as planned")
    yield planned
    if updates(plan.change) is not None:
        domain = min(1, stage.domains - 1)
        failing = Fault(service=first, verb=Verb.WALK, domain=domain, effect=Effect.FAIL, times=EACH_TIME)
        yield Scene(f"a walk of {first} fails", (failing,))
    if isinstance(plan.change, UpgradePlan | ConfigurePlan) and plan.rollback.package is not None:
        sick = Fault(service=first, verb=Verb.WALK, domain=stage.domains - 1, effect=Effect.SICK, times=1)
        yield Scene(f"the last domain of {first} stays sick", (sick,))
    if isinstance(plan.change, SwapPlan):
        yield Scene(f"{first} is ill after its swap", after={Verb.SWAP: Crash(0.0, first, 0, ILL_S)})
    if isinstance(plan.change, StatusPlan):
        failing = Fault(service=first, verb=Verb.STATUS, effect=Effect.FAIL, times=EACH_TIME)
        yield Scene(f"the status of {first} fails", (failing,))


def deaths(moments: Iterable[int]) -> Iterator[tuple[int, tuple[Death, ...]]]:
    """Give each moment with the deaths that begin there."""
    for moment in moments:
        died = Death(moment=moment, down_s=DOWN_S)
        yield moment, (died,)
        yield moment, (replace(died, power_lost=True),)
        yield moment, (died, Death(moment=moment % RECOVERY_MOMENTS, down_s=DOWN_S, power_lost=moment % 2 == 1))


class CrashEverywhere:
    """All deaths of a stage's policy in calm weather.

    With `every` above 1, those at each such moment only; with `kinds`, those at moments of these kinds.
    """

    def __init__(self, stage: Stage, *, every: int = 1, kinds: Collection[str] = ()) -> None:
        self.told = Everywhere()
        self._kinds = kinds
        self._every = every
        self._stage = replace(stage, profile=Profile.NONE)
        self._undisturbed = [(scene, play(self._stage, 0, scene.script())) for scene in scenes(stage)]
        for scene, played in self._undisturbed:
            if played.violation is not None:
                self.told.differences.append(Difference(scene.name, -1, "without any death", str(played.violation)))
            for moment in played.moments[0]:
                self.told.points[moment.partition(":")[0]] += 1

    def __len__(self) -> int:
        return sum(1 for _, played in self._undisturbed for _ in deaths(self._moments(played)))

    def _moments(self, undisturbed: Played) -> Sequence[int]:
        """Give the moments that are died at."""
        chosen = enumerate(undisturbed.moments[0])
        return [each for each, about in chosen if not self._kinds or about.partition(":")[0] in self._kinds][
            :: self._every
        ]

    def __iter__(self) -> Iterator[Difference | None]:
        """Play one after another; each gives what was different, if anything."""
        for scene, undisturbed in self._undisturbed:
            for moment, planned in deaths(self._moments(undisturbed)):
                played = play(self._stage, 0, scene.script(planned))
                self.told.lives += len(played.moments)
                said = _difference(undisturbed, played)
                found = None if said is None else Difference(scene.name, moment, undisturbed.moments[0][moment], said)
                if found is not None:
                    self.told.differences.append(found)
                yield found


def _difference(undisturbed: Played, played: Played) -> str | None:
    if played.violation is not None:
        return str(played.violation)
    for what, shown in (("ends", _ends), ("takes effect", _effects)):
        before, after = shown(undisturbed), shown(played)
        if before != after:
            return f"what {what} is {after}, and without a death {before}"
    return None


def _ends(played: Played) -> dict[str, str]:
    """Give how each service ended, or what it waits in."""
    states = played.book.services.values() if played.book is not None else ()
    return {
        state.plan.service: type(state.phase).__name__ if state.ended is None else state.ended.outcome.value
        for state in states
    }


def _effects(played: Played) -> dict[str, list[str]]:
    """Give what took effect on each service, in its order; services move independently of one another."""
    found: dict[str, list[str]] = {}
    for _, text in played.effects:
        what, _, _ = text.partition(" by ")
        verb, service, *domain = what.split(" ", 2)
        found.setdefault(service, []).append(" ".join([verb, *domain]))
    return found
