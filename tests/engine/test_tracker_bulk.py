"""The tracker before a platform with a bulk port: the same answers, the same order of importance, nothing lost."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from rollout.core.names import Now, ServiceName, Slot, Target
from rollout.core.operation import Operation
from rollout.core.outcome import Handle, Outcome, Progress, Running, Succeeded, Unreachable
from rollout.core.prepare import Order, Preparation
from rollout.core.snapshot import Absent, Observation
from rollout.engine import tracker as module
from rollout.engine.clock import EngineClock
from rollout.engine.pacer import Kind, Lane, Pace, Pacer
from rollout.engine.timetable import Regular
from rollout.engine.tracker import Tracker
from rollout.errors import InvariantBroken
from rollout.platforms.platform import Capabilities, OnResult, PollMany, RollbackSupport, Ticket, WalkOrder
from rollout.simulation.loop import elapsed, run

FAST = Pace(start=1e6, floor=1.0, ceiling=1e6, rise=0.0)
FAR = 1e6
TARGET = Target("sub", ServiceName("web"), Slot.PRODUCTION)
Answer = Callable[[Handle], tuple[float, Progress]]
"""After how many seconds which answer comes."""


class Bulk:
    """A platform with a bulk port of `questions_max`."""

    capabilities = Capabilities(
        walk_order=WalkOrder.ASCENDING,
        begin_starts_first_domain=False,
        rollback=RollbackSupport.NONE,
        suspend=False,
        swap=False,
    )

    def __init__(self, answer: Answer, questions_max: int = 1_000) -> None:
        self.questions_max = questions_max
        self.asked: list[tuple[str, float]] = []
        self.batches: list[int] = []
        self.most = 0
        self._out = 0
        self._answer = answer

    @asynccontextmanager
    async def polling(self) -> AsyncIterator[PollMany]:
        loop = asyncio.get_running_loop()
        is_open = True

        def answered(on_result: OnResult, position: int, progress: Progress) -> None:
            self._out -= 1
            if is_open:
                on_result((position,), progress)

        def poll_many(scope: str, handles: Sequence[Handle], on_result: OnResult) -> None:
            assert {handle.scope for handle in handles} == {scope}
            self._out += len(handles)
            self.most = max(self.most, self._out)
            self.batches.append(len(handles))
            for position, handle in enumerate(handles):
                self.asked.append((handle.id, elapsed()))
                after_s, progress = self._answer(handle)
                loop.call_later(after_s, answered, on_result, position, progress)

        yield poll_many
        is_open = False

    def write_scope(self, target: Target) -> str:
        return target.subscription

    async def observe(self, target: Target) -> Observation:
        self.asked.append((target.service, elapsed()))
        return Absent("nothing there")

    async def submit(self, target: Target, operation: Operation, ticket: Ticket) -> Outcome:
        raise InvariantBroken(f"{target}, {operation} and {ticket}: a tracker submits nothing")

    async def prepare(self, order: Order) -> Preparation:
        raise InvariantBroken(f"{order}: a tracker prepares nothing")

    async def poll(self, handle: Handle) -> Progress:
        raise InvariantBroken(f"{handle} was polled by itself")

    async def close(self) -> None:
        return

    def times(self, name: str) -> list[float]:
        return [second for asked, second in self.asked if asked == name]


def make(platform: Bulk, pace: Pace = FAST, *, every_s: float = 1.0) -> tuple[Tracker, Pacer]:
    clock = EngineClock.on_running_loop(0.0, lambda: 0.0)
    pacer = Pacer(clock, reads=pace, writes=pace)
    return Tracker(platform, pacer, clock, draw=lambda: 0.5, workers=4, timetable=Regular(every_s)), pacer


async def beside(tracker: Tracker, work: Coroutine[object, object, None]) -> None:
    """Do `work` while the tracker runs."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(tracker.run())
        await work
        task.cancel()


def never(_: Progress, __: Now) -> bool:
    return False


def test_many_operations_are_asked_together_each_at_its_time() -> None:
    platform = Bulk(lambda _: (0.05, Running()))

    async def main() -> int:
        tracker, _ = make(platform)
        for number in range(5_000):
            tracker.poll(Handle("sub", f"op-{number}"), never, due_t=FAR)
        await beside(tracker, asyncio.sleep(10))
        return tracker.polls

    assert run(main()) == len(platform.asked)
    assert len(platform.batches) < len(platform.asked) / 5
    for name in ("op-0", "op-4999"):
        times = platform.times(name)
        assert len(times) in {9, 10}
        assert [later - earlier for earlier, later in pairwise(times)] == [pytest.approx(1.0, abs=0.011)] * (
            len(times) - 1
        )
        assert times[-1] - times[0] == pytest.approx(len(times) - 1, abs=0.011)  # the timetable does not slip


def test_each_ending_is_told_once_and_never_asked_about_again() -> None:
    platform = Bulk(lambda handle: (0.05, Succeeded() if elapsed() > 3 + int(handle.id) % 7 else Running()))
    told: Counter[str] = Counter()

    def tell_of(name: str) -> Callable[[Progress, Now], bool]:
        def tell(progress: Progress, _: Now) -> bool:
            told[name] += progress == Succeeded()
            return progress == Succeeded()

        return tell

    async def main() -> int:
        tracker, _ = make(platform)
        for number in range(3_000):
            tracker.poll(Handle("sub", str(number)), tell_of(str(number)), due_t=FAR)
        await beside(tracker, asyncio.sleep(30))
        return tracker.held

    assert run(main()) == 0
    assert told == Counter({str(number): 1 for number in range(3_000)})


def test_ten_thousand_endings_at_once_are_told_in_slices_with_turns_of_the_loop_between() -> None:
    platform = Bulk(lambda _: (2.0 - elapsed(), Succeeded()), questions_max=100_000)
    turns: list[int] = []
    told = 0

    def tell(_: Progress, __: Now) -> bool:
        nonlocal told
        told += 1
        return True

    async def main() -> None:
        tracker, _ = make(platform)
        for number in range(10_000):
            tracker.poll(Handle("sub", f"op-{number}"), tell, due_t=FAR)

        async def watch() -> None:
            await asyncio.sleep(2.0)
            while told < 10_000:
                turns.append(told)
                await asyncio.sleep(0)

        await beside(tracker, watch())

    run(main())
    assert max(later - earlier for earlier, later in pairwise([*turns, told])) <= module.PORTION


def test_no_more_questions_are_out_than_there_is_room_for_and_one_scope_leaves_some_to_the_others() -> None:
    platform = Bulk(lambda handle: (1_000.0 if handle.scope == "hanging" else 0.01, Succeeded()), questions_max=40)

    async def main() -> None:
        tracker, _ = make(platform)
        for number in range(100):
            tracker.poll(Handle("hanging", f"hang-{number}"), lambda *_: True, due_t=FAR)

        async def others() -> None:
            await asyncio.sleep(5)
            for number in range(100):
                tracker.poll(Handle("well", f"well-{number}"), lambda *_: True, due_t=FAR, going_back=number == 0)
            await asyncio.sleep(5)

        await beside(tracker, others())

    run(main())
    assert platform.most <= 40
    assert sum(1 for name, _ in platform.asked if name.startswith("hang")) == 30
    assert len(platform.times("well-0")) == 1


def test_a_scope_at_its_rate_is_asked_fairly_between_rollouts_and_by_near_deadline_within_one() -> None:
    platform = Bulk(lambda _: (0.0, Running()))
    slow = Pace(start=10.0, floor=1.0, ceiling=10.0, rise=0.0)

    async def main() -> None:
        tracker, pacer = make(platform, slow, every_s=200.0)
        pacer.throttled("sub", Kind.READ, 300.0)
        for number in range(100):
            tracker.poll(Handle("sub", f"big-{number}"), never, due_t=600.0 - number, share="big")
        for number in range(5):
            tracker.poll(Handle("sub", f"small-{number}"), never, due_t=600.0, share="small")
        await beside(tracker, asyncio.sleep(315))

    run(main())
    names = [name for name, second in platform.asked if second >= 300]
    assert sorted(name for name in names[:10] if name.startswith("small")) == [f"small-{n}" for n in range(5)]
    big = [int(name.removeprefix("big-")) for name in names if name.startswith("big")]
    assert len(big) > 50
    assert big[:50] == sorted(big[:50], reverse=True)


def test_who_has_the_latest_deadline_is_asked_as_often_as_others_far_from_theirs() -> None:
    platform = Bulk(lambda _: (0.0, Running()))

    async def main() -> None:
        tracker, _ = make(platform, Pace(start=1.0, floor=1.0, ceiling=1.0, rise=0.0), every_s=1.0)
        for number in range(20):
            tracker.poll(Handle("sub", f"op-{number}"), never, due_t=FAR)
        tracker.poll(Handle("sub", "patient"), never, due_t=2 * FAR)
        await beside(tracker, asyncio.sleep(420))

    run(main())
    counts = [len(platform.times(name)) for name in ("patient", "op-0", "op-19")]
    assert min(counts) >= 19
    assert max(counts) <= 22


def test_what_goes_back_overtakes_and_looks_are_made_besides() -> None:
    platform = Bulk(lambda _: (0.0, Running()))
    slow = Pace(start=1.0, floor=1.0, ceiling=1.0, rise=0.0)

    async def main() -> None:
        tracker, _ = make(platform, slow, every_s=500.0)
        for number in range(50):
            tracker.poll(Handle("sub", f"op-{number}"), lambda *_: True, due_t=FAR)

        async def go_back() -> None:
            await asyncio.sleep(400)
            tracker.poll(Handle("sub", "back"), lambda *_: True, due_t=FAR, going_back=True)
            tracker.look(TARGET, "sub", lambda _: True, due_t=FAR, lane=Lane.LOOK_BEFORE_WRITE)
            await asyncio.sleep(600)

        await beside(tracker, go_back())

    run(main())
    assert len(platform.asked) == 52
    assert platform.times("web")[0] < 410


def test_throttled_and_unreachable_answers_mean_to_the_pacer_what_they_mean_from_a_poll() -> None:
    platform = Bulk(
        lambda handle: (
            0.0,
            Unreachable("busy", throttled=True, retry_after_s=60.0) if handle.id == "bad" else Unreachable("gone"),
        )
    )

    async def main() -> tuple[float, bool]:
        tracker, pacer = make(platform)
        tracker.poll(Handle("slow", "bad"), lambda *_: True, due_t=FAR)
        for number in range(50):
            tracker.poll(Handle("dead", f"op-{number}"), never, due_t=FAR)
        await beside(tracker, asyncio.sleep(20))
        dead = next(each for each in pacer.standings("dead") if each.kind is Kind.READ)
        return pacer.rate("slow", Kind.READ), dead.breaker_open

    assert run(main()) == (FAST.start / 2, True)


def test_cancelled_records_are_neither_asked_nor_told() -> None:
    platform = Bulk(lambda _: (5.0, Succeeded()))
    told: list[Progress] = []

    async def main() -> int:
        tracker, _ = make(platform)

        def tell(progress: Progress, _: Now) -> bool:
            told.append(progress)
            return True

        tracked = [tracker.poll(Handle("sub", f"op-{number}"), tell, due_t=FAR) for number in range(100)]
        for record in tracked[::2]:
            record.cancel()

        async def cancel_the_rest() -> None:
            await asyncio.sleep(3)
            for record in tracked:
                record.cancel()
            await asyncio.sleep(10)

        await beside(tracker, cancel_the_rest())
        return tracker.held

    assert run(main()) == 0
    assert len(platform.asked) == 50
    assert told == []


def test_a_second_run_asks_again_what_was_out_when_the_first_ended() -> None:
    platform = Bulk(lambda _: (10.0, Succeeded()))
    told: list[float] = []

    def tell(_: Progress, now: Now) -> bool:
        told.append(now.t)
        return True

    async def main() -> int:
        tracker, _ = make(platform)
        for number in range(6):
            tracker.poll(Handle("sub", f"op-{number}"), tell, due_t=FAR)
        await beside(tracker, asyncio.sleep(5))
        await beside(tracker, asyncio.sleep(31))
        return tracker.held

    assert run(main()) == 0
    assert told == pytest.approx([15.0] * 6, abs=0.01)


def test_an_answer_told_twice_is_our_own_mistake() -> None:
    class Twice(Bulk):
        @asynccontextmanager
        async def polling(self) -> AsyncIterator[PollMany]:
            def poll_many(scope: str, handles: Sequence[Handle], on_result: OnResult) -> None:
                assert (scope, len(handles)) == ("sub", 1)
                on_result((0,), Running())
                on_result((0,), Running())

            yield poll_many

    async def main() -> None:
        tracker, _ = make(Twice(lambda _: (0.0, Running())))
        tracker.poll(Handle("sub", "op"), never, due_t=FAR)
        await tracker.run()

    with pytest.raises(ExceptionGroup) as caught:
        run(main())
    assert caught.group_contains(InvariantBroken, match="answered twice")
