"""The states that notices are drawn from: each stream folded up to the last entry that was drawn from, and no further.

A stream is read from the journal when something new is said in it, or when it holds an alert that tells by itself. So a
start reads little, however much is open.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from rollout.core.attention import alerts_of_rollout, alerts_of_service
from rollout.core.event import Entry
from rollout.core.evolve import evolve
from rollout.core.fleet_event import RolloutOpened
from rollout.core.names import (
    ENGINE_STREAM,
    RolloutId,
    StreamName,
    is_service_stream,
    parse_service_stream,
    rollout_stream,
)
from rollout.core.news import Open, Progress, news_of_rollout, news_of_service, progressed, still_open
from rollout.core.notice import Notice
from rollout.core.plan import RolloutPlan
from rollout.core.service import ServiceRollout
from rollout.errors import InvariantBroken
from rollout.journal.journal import Recorded
from rollout.notify.feed import Past


@dataclass(slots=True)
class Fold:
    """One stream up to an entry, and its alerts that may tell something by themselves."""

    state: ServiceRollout | Progress | None = None
    timed: dict[str, Open] = field(default_factory=dict)

    def step(self, entry: Entry, position: int) -> list[Notice]:
        """Take the next entry, and give what it tells."""
        if is_service_stream(entry.stream):
            before = self.state if isinstance(self.state, ServiceRollout) else None
            self.state = after = evolve(before, entry)
            notices, alerts = news_of_service(before, after, entry, position), alerts_of_service(after, entry.now)
        else:
            was = self.state if isinstance(self.state, Progress) else None
            self.state = now = progressed(was, entry)
            notices, alerts = news_of_rollout(was, now, entry, position), alerts_of_rollout(now.state)
        self.timed = still_open(self.timed, notices, alerts)
        return notices

    @property
    def is_over(self) -> bool:
        """Whether the stream takes no further entry."""
        match self.state:
            case ServiceRollout(ended=ended):
                return ended is not None
            case Progress(state=state):
                return state.closed is not None
            case None:
                return False


class Folds:
    """The folds of all streams that matter. `wanted` tells whether anybody is told of a rollout."""

    def __init__(self, journal: Past, wanted: Callable[[RolloutPlan], bool]) -> None:
        self._journal = journal
        self._wanted = wanted
        self._folds: dict[StreamName, Fold] = {}
        self._unwanted: set[RolloutId] = set()
        self._timed: dict[StreamName, Fold] = {}
        """Those of them that hold an alert which tells by itself: few, however many streams are open."""

    async def step(self, recorded: Recorded) -> tuple[RolloutPlan, list[Notice]] | None:
        """Give what an entry tells, and the plan that says to whom; None = nobody is told of this rollout."""
        entry, position = recorded.entry, recorded.position
        if entry.stream == ENGINE_STREAM:
            return None
        plan = await self._plan_of(entry, position)
        if plan is None:
            return None
        fold = await self._loaded(entry.stream, position - 1) if entry.version > 1 else Fold()
        self._folds[entry.stream] = fold
        notices = [replace(notice, about=plan.about) for notice in fold.step(entry, position)]
        self._keep_timed(entry.stream, fold)
        if fold.is_over:
            self._folds.pop(entry.stream)
        return plan, notices

    async def watch(self, streams: Iterable[StreamName], position: int) -> None:
        """Have these streams folded up to `position`, for they hold alerts that tell by themselves."""
        for stream in streams:
            own = rollout_stream(_rollout_of(stream))
            if (await self._loaded(own, position)).state is None:
                self._folds.pop(own)  # all of it is still to be drawn from
            elif await self._known_plan(_rollout_of(stream), position) is not None:
                await self._loaded(stream, position)

    def timed(self) -> list[tuple[RolloutPlan, Open]]:
        """Give the alerts that may tell something by themselves, and the plans that say to whom."""
        return [
            (_plan(self._folds[rollout_stream(each.rollout)]), each)
            for fold in self._timed.values()
            for each in fold.timed.values()
        ]

    async def _plan_of(self, entry: Entry, position: int) -> RolloutPlan | None:
        rollout = _rollout_of(entry.stream)
        if not isinstance(entry.fact, RolloutOpened):
            return await self._known_plan(rollout, position - 1)
        if self._wanted(entry.fact.plan):
            return entry.fact.plan
        self._unwanted.add(rollout)
        return None

    async def _known_plan(self, rollout: RolloutId, position: int) -> RolloutPlan | None:
        """Give the plan of a rollout that somebody is told of."""
        if rollout in self._unwanted:
            return None
        plan = _plan(await self._loaded(rollout_stream(rollout), position))
        if self._wanted(plan):
            return plan
        self._folds.pop(rollout_stream(rollout), None)
        self._unwanted.add(rollout)
        return None

    async def _loaded(self, stream: StreamName, position: int) -> Fold:
        """Give the fold of a stream up to `position`, read from the journal where it is not known."""
        if (known := self._folds.get(stream)) is not None:
            return known
        fold = Fold()
        for recorded in await self._journal.read(stream):
            if recorded.position <= position:
                fold.step(recorded.entry, recorded.position)
        self._folds[stream] = fold
        self._keep_timed(stream, fold)
        return fold

    def _keep_timed(self, stream: StreamName, fold: Fold) -> None:
        if fold.timed:
            self._timed[stream] = fold
        else:
            self._timed.pop(stream, None)


def _rollout_of(stream: StreamName) -> RolloutId:
    return parse_service_stream(stream)[0] if is_service_stream(stream) else RolloutId(stream)


def _plan(fold: Fold) -> RolloutPlan:
    if not isinstance(fold.state, Progress):
        message = f"a rollout has entries before its opening: {fold.state!r}"
        raise InvariantBroken(message)
    return fold.state.state.plan
