"""Find many operations in a listing of their scope, instead of asking for each: a hint, and the question is the proof.

A sweep reads the listing page by page, spread over its period. Whatever it shows is in progress, so the record's next
question is put off. Who was there a sweep ago and is missing has perhaps ended: it is asked about at once, and only
that answer ends it. Who never was in a listing keeps its own timetable, the young ones above all; so does everybody
while a listing fails. A listing that is found wrong too often is not read for a while, and none is read where it would
take more questions than it spares.
"""

import asyncio
import math
from collections.abc import Callable
from itertools import islice
from typing import Final

from rollout.core.outcome import Failed, Handle, Progress, Running, Succeeded, Unreachable
from rollout.core.snapshot import Observation
from rollout.engine.clock import Clock
from rollout.engine.eyes import tell_pacer
from rollout.engine.line import Tracked
from rollout.engine.pacer import Kind, Lane, Pacer
from rollout.engine.timetable import Timetable
from rollout.engine.wheel import TICK_S
from rollout.platforms.platform import ListsRunning

LISTED_MIN: Final = 20
"""Fewer operations in a scope are not worth a listing."""
PAGE_GUESSED: Final = 100
"""Operations on one page, before the first listing."""
WORTH: Final = 2.0
"""A listing has to spare so many questions for each of its pages."""
SAMPLE: Final = 200
"""Records whose timetables are looked at to tell whether it does."""
PERMITS_PER_PAGE: Final = 2.0
"""Of the permits there are, a listing takes no more than one in so many."""
SPREAD_SHARE: Final = 0.8
"""The part of a period over which the pages are spread."""
STALE_PERIODS: Final = 2.5
"""What was seen longer ago is not known any more."""
PROOF_S: Final = 300.0
"""However often a listing shows an operation, it is asked about itself after so long."""
LOOK_BACK_S: Final = 86_400.0
"""A listing begins so long before the oldest operation: engine seconds leave out the time when no engine ran."""
WRONG_MAX: Final = 2
"""Wrong hints that are borne, besides one for each `RIGHT_PER_WRONG` right ones."""
RIGHT_PER_WRONG: Final = 4
ENDED_MAX: Final = 10_000
"""Endings between two sweeps that are looked for in the second."""
REST_S: Final = 300.0
"""A listing that failed or was wrong is left alone so long."""
RUNNING: Final = Running()
PORTION: Final = 1_024
"""Records seen to before the loop gets its turn."""


class Sweeps:
    """The listings of all scopes. `ask` has a record asked about at once."""

    def __init__(
        self,
        platform: ListsRunning,
        pacer: Pacer,
        clock: Clock,
        timetable: Timetable,
        every_s: float,
        *,
        ask: Callable[[Tracked], None],
    ) -> None:
        self._platform = platform
        self._pacer = pacer
        self._clock = clock
        self._timetable = timetable
        self._every_s = every_s
        self._ask = ask
        self.pages = 0
        """Pages read so far."""
        self._scopes: dict[str, _Listed] = {}
        self._news = asyncio.Event()

    def add(self, handle: Handle, record: Tracked) -> None:
        """Look out for one more operation."""
        listed = self._scopes.get(handle.scope)
        if listed is None:
            listed = self._scopes[handle.scope] = _Listed(handle.scope, record.born_t)
        listed.records[handle.id] = record
        listed.oldest_t = min(listed.oldest_t, record.born_t)
        if len(listed.records) == LISTED_MIN:
            self._news.set()

    def heard(self, record: Tracked, answer: Progress | Observation) -> None:
        """Learn from the answer to a question whether what listings showed was right."""
        listed = self._scopes.get(record.scope)
        if listed is None or not isinstance(answer, Running | Succeeded | Failed):
            return
        ended = not isinstance(answer, Running)
        if ended and isinstance(record.subject, Handle) and len(listed.ended) < ENDED_MAX:
            listed.ended[record.subject.id] = self._clock.now().t
        if record in listed.missing:
            del listed.missing[record]
            listed.judge(right=ended)

    def forget(self, handle: Handle, record: Tracked) -> None:
        """Look out for an operation no more."""
        listed = self._scopes.get(handle.scope)
        if listed is not None:
            listed.missing.pop(record, None)
            if listed.records.get(handle.id) is record:
                del listed.records[handle.id]

    def put_off_t(self, record: Tracked, t: float) -> float | None:
        """Give until when a question due at `t` can wait, since a listing answers it; None = it cannot."""
        fresh_t = record.known_t + STALE_PERIODS * self._every_s
        proof_t = record.asked_t + PROOF_S
        if record.known_t <= record.asked_t or t >= min(fresh_t, proof_t) or self._is_missing(record):
            return None
        if record.due_t is not None:
            if t >= record.due_t:
                return None
            proof_t = min(proof_t, record.due_t + TICK_S)
        return min(fresh_t, proof_t)

    def _is_missing(self, record: Tracked) -> bool:
        listed = self._scopes.get(record.scope)
        return listed is not None and record in listed.missing

    async def run(self) -> None:
        """List what is worth it, each scope by itself, until cancelled."""
        running: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                self._news.clear()
                for scope, listed in self._scopes.items():
                    if len(listed.records) >= LISTED_MIN and (scope not in running or running[scope].done()):
                        running[scope] = group.create_task(self._watch(listed), name=f"listing of {scope}")
                await self._news.wait()

    async def _watch(self, listed: "_Listed") -> None:
        """Sweep one scope as long as there is enough in it."""
        while len(listed.records) >= LISTED_MIN:
            began_t = self._clock.now().t
            rest_s = 0.0
            if self._is_worth(listed, began_t):
                whole = await self._sweep(listed, began_t)
                rest_s = 0.0 if whole and listed.is_trusted else REST_S
                if not listed.is_trusted:
                    listed.right = listed.wrong = 0
            await self._clock.sleep_until(max(began_t + self._every_s, self._clock.now().t + rest_s))

    def _is_worth(self, listed: "_Listed", t: float) -> bool:
        """Tell whether a sweep would take fewer questions than the operations' own timetables do meanwhile."""
        sample = list(islice(listed.records.values(), SAMPLE))
        asked = sum(self._every_s / self._timetable.interval_s(each.kind, max(0.0, t - each.born_t)) for each in sample)
        pages = max(listed.pages, 1 + len(listed.records) // PAGE_GUESSED if not listed.pages else 1)
        return asked * len(listed.records) / len(sample) >= WORTH * pages

    async def _sweep(self, listed: "_Listed", began_t: float) -> bool:
        """Read one listing; False = it is not whole, and then nobody is missing from it."""
        scope, read = listed.scope, 0
        now = self._clock.now()
        pages = aiter(self._platform.running(scope, now.wall - (now.t - listed.oldest_t) - LOOK_BACK_S))
        while True:
            # A page spares many polls, so it goes before those which it spares; at half the rate it leaves them a way.
            await self._pacer.permit(scope, Kind.READ, Lane.FORWARD, since_t=-math.inf)
            asked_t = self._clock.now().t
            page = await anext(pages, None)
            if page is None:
                self._pacer.give_back(scope, Kind.READ)
                break
            self.pages += 1
            read += 1
            if isinstance(page, Unreachable):
                tell_pacer(self._pacer, scope, asked_t, page)
                return False
            self._pacer.answered(scope, Kind.READ, asked_t, ok=True)
            self._show(listed, page, asked_t)
            spread_t = began_t + SPREAD_SHARE * self._every_s * read / max(listed.pages, read)
            await self._clock.sleep_until(
                max(spread_t, asked_t + PERMITS_PER_PAGE / self._pacer.rate(scope, Kind.READ))
            )
        listed.pages = read
        await self._find_missing(listed, began_t)
        listed.swept_t = began_t
        listed.ended = {name: t for name, t in listed.ended.items() if t >= began_t}
        return True

    def _show(self, listed: "_Listed", page: frozenset[str], asked_t: float) -> None:
        """Note what a page shows. Before its deadline a waiter hears of it as of any answer."""
        for each in page & listed.ended.keys():
            if listed.ended.pop(each) < asked_t:
                listed.judge(right=False)
        now = self._clock.now()
        records = listed.records
        for each in page:
            record = records.get(each)
            if record is None or record.tell is None:
                continue
            record.known_t = now.t
            if (record.due_t is None or now.t < record.due_t) and record.tell(RUNNING, now):
                record.cancel()

    async def _find_missing(self, listed: "_Listed", began_t: float) -> None:
        """Have asked at once who was in the sweep before and is not in this one."""
        for at, (name, record) in enumerate(tuple(listed.records.items())):
            if record.tell is None:
                listed.records.pop(name, None)
            elif listed.shown_before(record, began_t):
                listed.missing[record] = None
                self._ask(record)
            if at % PORTION == PORTION - 1:
                await asyncio.sleep(0)


class _Listed:
    """One scope: who is looked out for, and how far its listings can be trusted."""

    def __init__(self, scope: str, t: float) -> None:
        self.scope = scope
        self.records: dict[str, Tracked] = {}
        self.oldest_t = t
        """No operation began before it."""
        self.pages = 0
        """Of the last whole listing."""
        self.swept_t: float | None = None
        """When the last whole listing was begun."""
        self.missing: dict[Tracked, None] = {}
        """Asked about because they were missing, and not answered yet."""
        self.ended: dict[str, float] = {}
        """Known to have ended since the last whole listing was begun, and when: a later page should not show them."""
        self.right = 0
        self.wrong = 0

    def shown_before(self, record: Tracked, began_t: float) -> bool:
        """Tell who was in the sweep before and is not in the one from `began_t`, and was not asked about since."""
        if self.swept_t is None or record.known_t <= record.asked_t:
            return False
        return self.swept_t <= record.known_t < began_t

    def judge(self, *, right: bool) -> None:
        """Count one hint."""
        if right:
            self.right += 1
        else:
            self.wrong += 1

    @property
    def is_trusted(self) -> bool:
        """Its hints are right nearly always."""
        return self.wrong <= WRONG_MAX + self.right // RIGHT_PER_WRONG
