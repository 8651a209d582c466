"""Listings as hints: far fewer questions, endings found as soon, no harm from a listing that lags, lies or fails."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from typing import Any

import pytest

from rollout.core.names import Now, Target
from rollout.core.operation import Operation
from rollout.core.outcome import Handle, Outcome, Progress, Running, Succeeded, Unreachable
from rollout.core.prepare import Order, Preparation
from rollout.core.snapshot import Absent, Observation
from rollout.engine import sweeps
from rollout.engine.clock import EngineClock
from rollout.engine.pacer import Pace, Pacer
from rollout.engine.timetable import Regular
from rollout.engine.tracker import Tracker
from rollout.errors import InvariantBroken
from rollout.platforms.platform import Capabilities, RollbackSupport, Ticket, WalkOrder
from rollout.simulation.loop import elapsed, run

FAST = Pace(start=1e5, floor=1.0, ceiling=1e5, rise=0.0)
FAR = 1e6
EVERY_S = 5.0


class Listing:
    """A platform that also lists: operation `n` ends at second `ends(n)`, and the listing shows what `shows` says."""

    capabilities = Capabilities(
        walk_order=WalkOrder.ASCENDING,
        begin_starts_first_domain=False,
        rollback=RollbackSupport.NONE,
        suspend=False,
        swap=False,
    )

    def __init__(
        self,
        count: int,
        ends: Callable[[int], float],
        shows: Callable[[int, float], bool] | None = None,
        *,
        page: int = 100,
        fails: Callable[[], bool] = lambda: False,
    ) -> None:
        self.count = count
        self.ends = ends
        self.shows = shows or (lambda number, second: second < ends(number))
        self.page = page
        self.fails = fails
        self.asked: list[tuple[str, float]] = []
        self.pages: list[float] = []
        self.since: list[float] = []

    def write_scope(self, target: Target) -> str:
        return target.subscription

    async def observe(self, target: Target) -> Observation:
        return Absent(target.service)

    async def submit(self, target: Target, operation: Operation, ticket: Ticket) -> Outcome:
        raise InvariantBroken(f"{target}, {operation} and {ticket}: a tracker submits nothing")

    async def prepare(self, order: Order) -> Preparation:
        raise InvariantBroken(f"{order}: a tracker prepares nothing")

    async def poll(self, handle: Handle) -> Progress:
        self.asked.append((handle.id, elapsed()))
        await asyncio.sleep(0.02)
        return Succeeded() if elapsed() >= self.ends(int(handle.id)) else Running()

    async def running(self, scope: str, since: float) -> AsyncIterator[frozenset[str] | Unreachable]:
        assert scope == "sub"
        self.since.append(since)
        for at in range(0, max(self.count, 1), self.page):
            self.pages.append(elapsed())
            await asyncio.sleep(0.02)
            if self.fails():
                yield Unreachable("no listing today")
                return
            yield frozenset(
                str(number)
                for number in range(at, min(at + self.page, self.count))
                if self.shows(number, elapsed()) or number >= 1_000_000
            )

    async def close(self) -> None:
        return


def follow(platform: Listing, seconds: float, *, pace: Pace = FAST, every_s: float = 5.0, **more: Any) -> "Followed":
    """Track every operation of the platform for so long."""
    followed = Followed()

    async def main() -> None:
        clock = EngineClock.on_running_loop(0.0, lambda: 1e9 + elapsed())
        pacer = Pacer(clock, reads=pace, writes=pace)
        tracker = Tracker(
            platform, pacer, clock, draw=lambda: 0.5, timetable=Regular(every_s), listing_s=EVERY_S, **more
        )
        for number in range(platform.count):
            tracker.poll(Handle("sub", str(number)), followed.tell_of(number, platform.ends), due_t=FAR)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(tracker.run())
            await asyncio.sleep(seconds)
            task.cancel()
        followed.held = tracker.held
        followed.read = tracker.pages

    run(main())
    return followed


class Followed:
    """What the waiters heard."""

    def __init__(self) -> None:
        self.told: Counter[int] = Counter()
        self.delays: list[float] = []
        self.held = -1
        self.read = -1

    def tell_of(self, number: int, ends: Callable[[int], float]) -> Callable[[Progress, Now], bool]:
        def tell(progress: Progress, now: Now) -> bool:
            if progress != Succeeded():
                return False
            self.told[number] += 1
            self.delays.append(now.t - ends(number))
            return True

        return tell


def walks(number: int) -> float:
    """End between 120 and 260 seconds."""
    return 120.0 + number * 97 % 140


def test_a_thousand_operations_need_a_tenth_of_the_questions_and_are_found_about_as_soon() -> None:
    platform = Listing(1_000, walks)
    followed = follow(platform, 400)
    assert followed.told == Counter(range(1_000))
    assert followed.held == 0
    questions = len(platform.asked) + len(platform.pages)
    by_itself = sum(walks(number) / 5.0 for number in range(1_000))
    assert questions < by_itself / 10
    assert followed.read == len(platform.pages)
    assert sum(followed.delays) / 1_000 < 1.3 * EVERY_S
    assert max(followed.delays) < 2.6 * EVERY_S


def test_only_the_question_ends_an_operation_and_it_is_asked_once_for_each() -> None:
    platform = Listing(200, lambda _: 60.0, page=1_000)
    follow(platform, 200)
    after = [name for name, second in platform.asked if second > 60]
    assert Counter(after) == Counter(map(str, range(200)))


def test_pages_are_spread_over_the_period() -> None:
    platform = Listing(1_000, walks)
    follow(platform, 60)
    window = [second for second in platform.pages if 20 <= second < 20 + 4 * EVERY_S]
    assert 36 <= len(window) <= 44
    gaps = [later - earlier for earlier, later in pairwise(window)]
    assert max(gaps) < 0.4 * EVERY_S
    assert sorted(gaps)[len(gaps) // 2] > 0.05 * EVERY_S


def test_the_listing_begins_long_before_the_oldest_operation() -> None:
    platform = Listing(100, walks)
    follow(platform, 30)
    assert max(platform.since) <= 1e9 - sweeps.LOOK_BACK_S + 1


def test_few_operations_are_not_listed_and_neither_are_those_rarely_asked_about_anyway() -> None:
    assert follow(few := Listing(sweeps.LISTED_MIN - 1, walks), 60).told == Counter()
    assert few.pages == []
    follow(rare := Listing(100, walks), 60, every_s=600.0)
    assert rare.pages == []


@pytest.mark.parametrize(
    "shows",
    [
        lambda number, second: second < walks(number) + 60,
        lambda _, __: True,
        lambda number, second: number % 2 == 0 and second < walks(number),
        lambda number, second: second < walks(number) and int(second / 5) % 2 == number % 2,
        lambda _, __: False,
    ],
    ids=["lags a minute", "shows all for ever", "shows half", "shows each at times", "shows nothing"],
)
def test_a_listing_that_lags_or_lies_only_costs_questions(shows: Callable[[int, float], bool]) -> None:
    platform = Listing(100, walks, shows)
    followed = follow(platform, 900)
    assert followed.told == Counter(range(100))
    assert followed.held == 0
    assert max(followed.delays) < sweeps.PROOF_S + 10
    by_itself = sum(walks(number) / 5.0 + 1 for number in range(100))
    assert len(platform.asked) + len(platform.pages) < 1.3 * by_itself


def test_while_a_listing_fails_every_operation_keeps_its_own_timetable() -> None:
    platform = Listing(100, walks, fails=lambda: elapsed() > 50)
    followed = follow(platform, 400)
    assert followed.told == Counter(range(100))
    assert max(followed.delays) < 15.0
    assert len([second for second in platform.pages if second > 50]) < 5


def test_an_answer_that_is_owed_to_a_deadline_is_asked_for_whatever_a_listing_shows() -> None:
    platform = Listing(100, lambda _: 1e5)
    asked_at: list[float] = []

    async def main() -> None:
        clock = EngineClock.on_running_loop(0.0, lambda: 1e9 + elapsed())
        pacer = Pacer(clock, reads=FAST, writes=FAST)
        tracker = Tracker(platform, pacer, clock, draw=lambda: 0.5, timetable=Regular(5.0), listing_s=EVERY_S)
        for number in range(100):
            tracker.poll(Handle("sub", str(number)), lambda *_: False, due_t=100.0 if number == 7 else FAR)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(tracker.run())
            await asyncio.sleep(150)
            task.cancel()

    run(main())
    asked_at += [second for name, second in platform.asked if name == "7"]
    assert [second for second in asked_at if 100 < second < 100.1]


def test_a_throttled_scope_still_lists_since_a_page_spares_many_questions() -> None:
    platform = Listing(300, lambda number: 200.0 + number)
    slow = Pace(start=7.5, floor=1.0, ceiling=7.5, rise=0.0)
    followed = follow(platform, 900, pace=slow)
    assert followed.told == Counter(range(300))
    assert sorted(followed.delays)[270] < 20
