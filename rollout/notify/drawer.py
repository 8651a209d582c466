"""Draws notices from entries, and puts them into the outbox in one transaction with the place up to which it read."""

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Final

import msgspec

from rollout.core.freeze_event import SentAgain
from rollout.core.names import RolloutId, StreamName
from rollout.core.news import due, due_at
from rollout.core.notice import Notice
from rollout.core.plan import RolloutPlan
from rollout.engine.clock import Clock
from rollout.errors import JournalFull
from rollout.journal.outbox import Letter, Outbox
from rollout.notify.feed import Feed
from rollout.notify.folds import Folds
from rollout.notify.targets import Targets

UNSAVED_MAX: Final = 500
"""So many entries that tell nobody anything may be read again after a crash."""
LOOK_S_MAX: Final = 60.0
"""People's clock may be set; what becomes due by it is looked after as often."""
FULL_S: Final = 5.0
"""How long a full disk is given before the same is tried again."""


class Drawer:
    """The one reader of the feed."""

    def __init__(self, outbox: Outbox, feed: Feed, folds: Folds, targets: Targets, clock: Clock) -> None:
        self._outbox = outbox
        self._feed = feed
        self._folds = folds
        self._targets = targets
        self._clock = clock
        self._saved = feed.position
        self._repeated: set[str] = set()
        self.idle = False
        """The last look found nothing new, or somebody's word that what was given up is to be sent again: time to see
        what waits."""

    async def watch(self, streams: Iterable[StreamName]) -> None:
        """Know from the start what tells by itself: stops that last and approvals that lapse."""
        await self._folds.watch(streams, self._feed.position)

    async def draw(self) -> Sequence[str] | None:
        """Read a handful, and give the targets that there is something new for; None = the feed has ended."""
        records = await self._feed.handful(self._wait_s())
        again = [each.entry.fact for each in records or () if isinstance(each.entry.fact, SentAgain)]
        self.idle = records == [] or bool(again)
        if records is None:
            if self._feed.position > self._saved:
                await self._put([])
            return None
        for word in again:
            await self._carried_out(partial(self._outbox.wait_again, RolloutId(word.rollout) if word.rollout else None))
        letters = self._due()
        for recorded in records:
            if (drawn := await self._folds.step(recorded)) is not None:
                letters += self._letters(*drawn)
        if letters or self._feed.position >= self._saved + UNSAVED_MAX:
            await self._put(letters)
        return list(dict.fromkeys(letter.target for letter in letters))

    async def _put(self, letters: Sequence[Letter]) -> None:
        await self._carried_out(partial(self._outbox.put_letters, letters, self._feed.position))
        self._saved = self._feed.position

    async def _carried_out(self, write: Callable[[], Awaitable[object]]) -> None:
        """Write, however long the disk is full."""
        while True:
            with contextlib.suppress(JournalFull):  # the ledger tells of it, and nothing is lost by waiting
                await write()
                return
            await self._clock.sleep_until(self._clock.now().t + FULL_S)

    def _due(self) -> list[Letter]:
        wall = self._clock.now().wall
        found = []
        for plan, each in self._folds.timed():
            fresh = [notice for notice in due([each], wall) if notice.key not in self._repeated]
            self._repeated.update(notice.key for notice in fresh)
            found += self._letters(plan, [msgspec.structs.replace(notice, about=plan.about) for notice in fresh])
        return found

    def _wait_s(self) -> float:
        """Give how long nothing becomes due by itself, and a minute at most."""
        wall = self._clock.now().wall
        dates = [date for _, each in self._folds.timed() if (date := due_at(each, wall)) is not None]
        return min(max(min(dates, default=float("inf")) - wall, 0.0) + 0.01, LOOK_S_MAX)

    def _letters(self, plan: RolloutPlan, notices: Iterable[Notice]) -> list[Letter]:
        return [
            Letter(notice.key, target, notice.rollout, msgspec.json.encode(notice).decode(), notice.at_wall)
            for notice in notices
            for target in self._targets.of(plan, notice)
        ]
