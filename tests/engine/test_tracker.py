"""One schedule for ten thousand operations: few tasks, one timer, the right questions, each ending told once."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from itertools import pairwise

import pytest

from rollout.core.names import Now, ServiceName, Slot, Target
from rollout.core.operation import Operation
from rollout.core.outcome import Handle, Outcome, Progress, Running, Succeeded, Unknown, Unreachable
from rollout.core.prepare import Order, Preparation
from rollout.core.snapshot import Absent, Look, Observation
from rollout.engine import tracker as module
from rollout.engine.clock import EngineClock
from rollout.engine.pacer import Kind, Lane, Pace, Pacer
from rollout.engine.timetable import INTERVAL_S_MIN, interval
from rollout.engine.tracker import Tracker
from rollout.errors import InvariantBroken
from rollout.platforms.platform import Capabilities, RollbackSupport, Ticket, WalkOrder
from rollout.simulation.loop import Deadlock, elapsed, run

FAST = Pace(start=1e5, floor=1.0, ceiling=1e5, rise=0.0)
ONE_A_SECOND = Pace(start=1.0, floor=0.25, ceiling=1.0, rise=0.0)
TARGET = Target("sub", ServiceName("web"), Slot.PRODUCTION)
FAR = 1e6


class Scripted:
    """A platform whose answers a test writes; it keeps who was asked, and when."""

    capabilities = Capabilities(
        walk_order=WalkOrder.ASCENDING,
        begin_starts_first_domain=False,
        rollback=RollbackSupport.NONE,
        suspend=False,
        swap=False,
    )

    def __init__(self, progress: Callable[[Handle], Awaitable[Progress]]) -> None:
        self._progress = progress
        self.asked: list[tuple[str, float]] = []

    def write_scope(self, target: Target) -> str:
        return target.subscription

    async def observe(self, target: Target) -> Observation:
        self.asked.append((target.service, elapsed()))
        return Absent("nothing there")

    async def submit(self, target: Target, operation: Operation, ticket: Ticket) -> Outcome:
        raise InvariantBroken(f"{target}, {operation} and {ticket}: a tracker submits nothing")

    async def poll(self, handle: Handle) -> Progress:
        self.asked.append((handle.id, elapsed()))
        return await self._progress(handle)

    async def prepare(self, order: Order) -> Preparation:
        raise InvariantBroken(f"{order}: nothing is made ready here")

    async def close(self) -> None:
        return

    def times(self, name: str) -> list[float]:
        return [second for asked, second in self.asked if asked == name]


async def running(_: Handle) -> Progress:
    return Running()


def make(
    platform: Scripted, *, pace: Pace = FAST, start_t: float = 0.0, draw: float = 0.5, workers: int = 64
) -> tuple[Tracker, Pacer]:
    clock = EngineClock.on_running_loop(start_t, lambda: 0.0)
    pacer = Pacer(clock, reads=pace, writes=pace)
    return Tracker(platform, pacer, clock, draw=lambda: draw, workers=workers), pacer


async def beside(tracker: Tracker, work: Coroutine[object, object, None]) -> None:
    """Do `work` while the tracker runs."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(tracker.run())
        await work
        task.cancel()


def never(_: Progress, __: Now) -> bool:
    return False


# --- the timetable ---


@pytest.mark.parametrize(
    ("age_s", "interval_s"), [(0, 0.25), (1, 0.25), (5, 1.0), (100, 20.0), (150, 30.0), (1e6, 30.0)]
)
def test_the_interval_is_a_fifth_of_the_age_between_its_bounds(age_s: float, interval_s: float) -> None:
    assert interval(age_s) == interval_s


def test_an_operation_is_asked_ever_less_often_as_it_grows_old() -> None:
    platform = Scripted(running)

    async def main() -> None:
        tracker, _ = make(platform)
        tracker.poll(Handle("sub", "op"), never, due_t=FAR)
        await beside(tracker, asyncio.sleep(1_000))

    run(main())
    times = platform.times("op")
    assert 0 <= times[0] < INTERVAL_S_MIN
    for earlier, later in pairwise(times):
        assert later - earlier == pytest.approx(interval(earlier), abs=0.006)
    assert times[-1] - times[-2] == pytest.approx(30, abs=0.006)


def test_first_questions_are_spread_over_the_first_interval_by_their_ids() -> None:
    async def main() -> dict[str, float]:
        platform = Scripted(running)
        tracker, _ = make(platform)
        for number in range(200):
            tracker.poll(Handle("sub", f"op-{number}"), lambda *_: True, due_t=FAR)
        await beside(tracker, asyncio.sleep(1))
        assert len(platform.asked) == 200
        return dict(platform.asked)

    firsts = run(main())
    quarters = [sum(1 for second in firsts.values() if n / 16 <= second < (n + 1) / 16) for n in range(4)]
    assert min(quarters) > 25
    assert max(firsts.values()) < INTERVAL_S_MIN + 0.01
    assert firsts == run(main())


def test_an_answer_is_wanted_just_after_due_once() -> None:
    platform = Scripted(running)

    async def main() -> None:
        tracker, _ = make(platform, start_t=500.0)
        tracker.poll(Handle("sub", "op"), never, due_t=607.0)
        await beside(tracker, asyncio.sleep(200))

    run(main())
    times = platform.times("op")
    at = next(index for index, second in enumerate(times) if second >= 107)
    assert 107 < times[at] < 107.02
    assert times[at] - times[at - 1] < interval(times[at - 1])
    assert times[at + 1] - times[at] == pytest.approx(interval(times[at]), abs=0.006)


def test_a_question_asked_before_due_and_answered_after_it_does_not_count_for_it() -> None:
    async def slow(_: Handle) -> Progress:
        await asyncio.sleep(7)
        return Running()

    platform = Scripted(slow)

    async def main() -> None:
        tracker, _ = make(platform)
        tracker.poll(Handle("sub", "op"), never, due_t=5.0)
        await beside(tracker, asyncio.sleep(10))

    run(main())
    first, second = platform.times("op")
    assert first < 5
    assert second == pytest.approx(first + 7, abs=0.02)


def test_a_question_whose_due_has_come_goes_before_the_ordinary_ones() -> None:
    platform = Scripted(running)

    async def main() -> None:
        tracker, pacer = make(platform, pace=ONE_A_SECOND)
        pacer.throttled("sub", Kind.READ, 60.0)
        for number in range(10):
            tracker.poll(Handle("sub", f"op-{number}"), lambda *_: True, due_t=FAR)

        async def look_late() -> None:
            await asyncio.sleep(5)
            tracker.look(TARGET, "sub", lambda _: True, due_t=4.0)
            await asyncio.sleep(300)

        await beside(tracker, look_late())

    run(main())
    assert platform.asked[0][0] == "web"


def test_a_look_is_made_at_once_and_carries_the_moment_of_its_answer() -> None:
    seen: list[Look] = []

    def tell(look: Look) -> bool:
        seen.append(look)
        return len(seen) == 2

    async def main() -> None:
        tracker, _ = make(Scripted(running), start_t=100.0)
        tracker.look(TARGET, "sub", tell, due_t=FAR)
        await beside(tracker, asyncio.sleep(60))

    run(main())
    assert [look.observation for look in seen] == [Absent("nothing there")] * 2
    assert [look.now.t for look in seen] == [pytest.approx(100.0, abs=0.01), pytest.approx(100.25, abs=0.02)]


# --- errors ---


def test_errors_back_off_with_full_jitter_and_a_good_answer_resets_it() -> None:
    answers: list[Progress] = [*[Unreachable("gone")] * 9, Running(), Unreachable("gone")]

    async def scripted(_: Handle) -> Progress:
        return answers.pop(0) if answers else Succeeded()

    platform = Scripted(scripted)

    async def main() -> None:
        tracker, _ = make(platform, draw=0.5)
        tracker.poll(Handle("sub", "op"), lambda progress, _: progress == Succeeded(), due_t=FAR)
        await beside(tracker, asyncio.sleep(600))

    run(main())
    times = platform.times("op")
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps[:9] == pytest.approx([0.25, 0.5, 1, 2, 4, 8, 15, 15, 15], abs=0.011)
    assert gaps[10] == pytest.approx(0.25, abs=0.011)
    assert len(times) == 12


def test_every_answer_is_told_errors_and_unknown_ids_too() -> None:
    answers: list[Progress] = [Unreachable("gone"), Unknown("no such id"), Running(), Succeeded()]
    told: list[tuple[Progress, float]] = []

    async def scripted(_: Handle) -> Progress:
        return answers[len(told)]

    def tell(progress: Progress, now: Now) -> bool:
        told.append((progress, round(now.t - elapsed(), 6)))
        return progress == Succeeded()

    async def main() -> None:
        tracker, _ = make(Scripted(scripted), start_t=40.0)
        tracker.poll(Handle("sub", "op"), tell, due_t=FAR)
        await beside(tracker, asyncio.sleep(60))

    run(main())
    assert told == [(answer, 40.0) for answer in answers]


def test_a_throttled_answer_slows_its_whole_scope_and_no_other() -> None:
    async def scripted(handle: Handle) -> Progress:
        return Unreachable("too many", throttled=True, retry_after_s=60.0) if handle.id == "bad" else Running()

    platform = Scripted(scripted)

    async def main() -> list[float]:
        tracker, pacer = make(platform)
        tracker.poll(Handle("slow", "bad"), lambda *_: True, due_t=FAR)
        await beside(tracker, asyncio.sleep(1))
        tracker.poll(Handle("slow", "neighbour"), lambda *_: True, due_t=FAR)
        tracker.poll(Handle("quick", "other"), lambda *_: True, due_t=FAR)
        await beside(tracker, asyncio.sleep(100))
        return [pacer.rate("slow", Kind.READ), pacer.rate("quick", Kind.READ)]

    assert run(main()) == [FAST.start / 2, FAST.start]
    assert platform.times("neighbour")[0] == pytest.approx(
        platform.times("bad")[0] + 60.2, abs=0.01
    )  # the fifth is refilled first
    assert platform.times("other")[0] < 1.3


def test_a_retry_after_is_kept_even_where_due_comes_earlier() -> None:
    async def scripted(_: Handle) -> Progress:
        return Unreachable("busy", retry_after_s=50.0)

    platform = Scripted(scripted)

    async def main() -> None:
        tracker, _ = make(platform)
        tracker.poll(Handle("sub", "op"), never, due_t=10.0)
        await beside(tracker, asyncio.sleep(70))

    run(main())
    first, second = platform.times("op")
    assert second - first == pytest.approx(50, abs=0.011)


def test_an_exception_of_the_platform_ends_run_because_it_is_our_own_mistake() -> None:
    async def broken(_: Handle) -> Progress:
        raise ZeroDivisionError("a bug")

    async def main() -> None:
        tracker, _ = make(Scripted(broken))
        tracker.poll(Handle("sub", "op"), never, due_t=FAR)
        await tracker.run()

    with pytest.raises(ExceptionGroup) as caught:
        run(main())
    assert caught.group_contains(ZeroDivisionError, match="a bug")


def test_an_exception_of_a_tell_ends_run_too() -> None:
    def tell(_: Progress, __: Now) -> bool:
        raise InvariantBroken("state gone")

    async def main() -> None:
        tracker, _ = make(Scripted(running))
        tracker.poll(Handle("sub", "op"), tell, due_t=FAR)
        await tracker.run()

    with pytest.raises(ExceptionGroup) as caught:
        run(main())
    assert caught.group_contains(InvariantBroken, match="state gone")


def test_a_platform_that_cancels_a_question_does_not_silently_take_its_worker_away() -> None:
    async def cancelled(_: Handle) -> Progress:
        raise asyncio.CancelledError

    async def main() -> None:
        tracker, _ = make(Scripted(cancelled))
        tracker.poll(Handle("sub", "op"), never, due_t=FAR)
        await tracker.run()

    with pytest.raises(ExceptionGroup) as caught:
        run(main())
    assert caught.group_contains(InvariantBroken, match="cancelled a question")


# --- cancelling ---


def test_nothing_is_told_after_cancel_not_even_the_answer_in_flight() -> None:
    told: list[Progress] = []

    async def slow(_: Handle) -> Progress:
        await asyncio.sleep(5)
        return Succeeded()

    def tell(progress: Progress, _: Now) -> bool:
        told.append(progress)
        return True

    async def main() -> None:
        tracker, _ = make(Scripted(slow))
        tracked = tracker.poll(Handle("sub", "op"), tell, due_t=FAR)

        async def cancel_in_flight() -> None:
            await asyncio.sleep(2)
            tracked.cancel()
            tracked.cancel()
            await asyncio.sleep(60)

        await beside(tracker, cancel_in_flight())

    run(main())
    assert told == []


def test_a_tell_may_cancel_its_own_record() -> None:
    platform = Scripted(running)

    async def main() -> None:
        tracker, _ = make(platform)

        def tell(_: Progress, __: Now) -> bool:
            tracked.cancel()
            return False

        tracked = tracker.poll(Handle("sub", "op"), tell, due_t=FAR)
        await beside(tracker, asyncio.sleep(60))

    run(main())
    assert len(platform.asked) == 1


def test_a_cancelled_record_in_line_uses_no_permit() -> None:
    platform = Scripted(running)

    async def main() -> float:
        tracker, pacer = make(platform, pace=ONE_A_SECOND)
        while pacer.try_permit("sub", Kind.READ, Lane.GOING_BACK):
            pass
        tracked = [tracker.poll(Handle("sub", f"op-{n}"), never, due_t=FAR) for n in range(100)]

        async def cancel_all() -> None:
            await asyncio.sleep(0.5)
            for each in tracked:
                each.cancel()
            await pacer.permit("sub", Kind.READ, Lane.FORWARD)

        await beside(tracker, cancel_all())
        return elapsed()

    assert run(main()) == pytest.approx(2.0)
    assert platform.asked == []


# --- importance and fairness ---


def test_polls_of_going_back_overtake_a_line_of_others() -> None:
    platform = Scripted(running)

    async def main() -> None:
        tracker, _ = make(platform, pace=ONE_A_SECOND)
        for number in range(50):
            tracker.poll(Handle("sub", f"op-{number}"), lambda *_: True, due_t=FAR)

        async def go_back() -> None:
            await asyncio.sleep(20)
            tracker.poll(Handle("sub", "back"), lambda *_: True, due_t=FAR, going_back=True)
            await asyncio.sleep(100)

        await beside(tracker, go_back())

    run(main())
    assert platform.times("back")[0] < 20.3
    assert len(platform.asked) == 51


def test_a_line_wishes_anew_when_something_more_important_joins_it() -> None:
    platform = Scripted(running)

    async def main() -> None:
        tracker, pacer = make(platform, pace=ONE_A_SECOND)
        pacer.throttled("sub", Kind.READ, 10.0)

        async def crowd(group: asyncio.TaskGroup) -> None:
            for _ in range(20):
                group.create_task(pacer.permit("sub", Kind.READ, Lane.URGENT))
            tracker.poll(Handle("sub", "forward"), lambda *_: True, due_t=FAR)
            await asyncio.sleep(5)
            tracker.poll(Handle("sub", "back"), lambda *_: True, due_t=FAR, going_back=True)
            await asyncio.sleep(120)

        async with asyncio.TaskGroup() as group:
            await beside(tracker, crowd(group))

    run(main())
    assert [name for name, _ in platform.asked] == ["back", "forward"]
    assert platform.times("back") == pytest.approx([12.0], abs=0.01)  # 10 s closed, then 2 s for the first permit
    assert platform.times("forward")[0] > 50


def test_a_line_of_polls_and_other_waiters_of_its_lane_are_served_by_the_time_they_have_waited() -> None:
    platform = Scripted(running)

    async def main() -> list[float]:
        tracker, pacer = make(platform, pace=ONE_A_SECOND)
        served: list[float] = []

        async def permit() -> None:
            await pacer.permit("sub", Kind.READ, Lane.FORWARD)
            served.append(elapsed())

        async def crowd(group: asyncio.TaskGroup) -> None:
            for wave in range(3):
                for number in range(10):
                    tracker.poll(Handle("sub", f"{wave}-{number}"), lambda *_: True, due_t=FAR)
                await asyncio.sleep(1)
                for _ in range(10):
                    group.create_task(permit())
                await asyncio.sleep(1)
            await asyncio.sleep(100)

        async with asyncio.TaskGroup() as group:
            await beside(tracker, crowd(group))
        return served

    others = run(main())
    order = sorted([(second, "poll " + name[0]) for name, second in platform.asked] + [(each, "") for each in others])
    kinds = [kind for _, kind in order]
    assert kinds == ["poll 0"] * 10 + [""] * 10 + ["poll 1"] * 10 + [""] * 10 + ["poll 2"] * 10 + [""] * 10


def test_an_early_repeat_costs_budget_and_without_it_the_timetable_is_kept() -> None:
    times: dict[str, list[float]] = {}

    async def scripted(handle: Handle) -> Progress:
        times.setdefault(handle.id, []).append(elapsed())
        return Running() if elapsed() < 200 else Unreachable("gone")

    platform = Scripted(scripted)

    async def main() -> int:
        tracker, pacer = make(platform, draw=0.1)
        for number in range(40):
            tracker.poll(Handle("sub", f"op-{number}"), never, due_t=FAR)
        await beside(tracker, asyncio.sleep(500))
        return next(each for each in pacer.standings("sub") if each.kind is Kind.READ).repeats

    repeats = run(main())
    calls = [second for each in times.values() for second in each if second >= 200]
    by_timetable = 40 * 300 / 30
    assert repeats >= 10
    assert len(calls) <= 1.1 * by_timetable


def test_an_early_repeat_that_is_answered_costs_nothing() -> None:
    asked: dict[str, int] = {}

    async def every_other(handle: Handle) -> Progress:
        asked[handle.id] = asked.get(handle.id, 0) + 1
        return Unreachable("gone") if asked[handle.id] % 2 == 0 else Running()

    async def main() -> int:
        tracker, pacer = make(Scripted(every_other), draw=0.5)
        tracker.poll(Handle("sub", "op"), never, due_t=FAR)
        await beside(tracker, asyncio.sleep(3_000))
        return next(each for each in pacer.standings("sub") if each.kind is Kind.READ).repeats

    assert run(main()) > 90


def test_a_scope_that_does_not_answer_delays_no_other_and_is_tried_until_it_does() -> None:
    async def scripted(handle: Handle) -> Progress:
        return Unreachable("gone") if handle.scope == "dead" and elapsed() < 300 else Running()

    platform = Scripted(scripted)

    async def main() -> None:
        tracker, _ = make(platform)
        for number in range(50):
            tracker.poll(Handle("dead", f"dead-{number}"), never, due_t=FAR)
            tracker.poll(Handle("well", f"well-{number}"), never, due_t=FAR)
        await beside(tracker, asyncio.sleep(600))

    run(main())
    dead = [second for name, second in platform.asked if name.startswith("dead")]
    for number in range(50):
        well = platform.times(f"well-{number}")
        assert max(later - earlier for earlier, later in pairwise(well)) < 31
    assert len([second for second in dead if 10 < second < 300]) <= 30
    assert len({name for name, second in platform.asked if name.startswith("dead") and second < 340}) == 50
    assert min(len(platform.times(f"dead-{number}")) for number in range(50)) > 8


def test_how_late_the_longest_waiting_question_is_can_be_read_by_scope() -> None:
    async def main() -> list[dict[str, float]]:
        tracker, pacer = make(Scripted(running), pace=ONE_A_SECOND)
        pacer.throttled("sub", Kind.READ, 60.0)
        tracker.poll(Handle("sub", "op"), lambda *_: True, due_t=FAR)
        await beside(tracker, asyncio.sleep(30))
        late = [tracker.late_s()]
        await beside(tracker, asyncio.sleep(100))
        return [*late, tracker.late_s()]

    waiting, after = run(main())
    assert waiting["sub"] == pytest.approx(30, abs=0.3)
    assert after == {"sub": 0.0}


def test_a_scope_whose_answers_hang_leaves_workers_to_the_others() -> None:
    async def scripted(handle: Handle) -> Progress:
        if handle.scope == "hanging":
            await asyncio.sleep(1_000)
        return Succeeded()

    platform = Scripted(scripted)

    async def main() -> int:
        tracker, _ = make(platform, workers=8)
        for number in range(100):
            tracker.poll(Handle("hanging", f"hang-{number}"), lambda *_: True, due_t=FAR)

        async def others() -> None:
            await asyncio.sleep(5)
            for number in range(100):
                tracker.poll(Handle("well", f"well-{number}"), lambda *_: True, due_t=FAR)
            await asyncio.sleep(5)

        await beside(tracker, others())
        return sum(1 for name, _ in platform.asked if name.startswith("hang"))

    assert run(main()) == 4
    assert len([second for name, second in platform.asked if name.startswith("well") and second < 6]) == 100


def test_records_that_wait_for_a_worker_are_asked_as_workers_come_free() -> None:
    async def slow(_: Handle) -> Progress:
        await asyncio.sleep(10)
        return Succeeded()

    platform = Scripted(slow)

    async def main() -> None:
        tracker, _ = make(platform, workers=1)
        for number in range(5):
            tracker.poll(Handle(f"sub-{number}", f"op-{number}"), lambda *_: True, due_t=FAR)
        await beside(tracker, asyncio.sleep(60))

    run(main())
    starts = [second for _, second in platform.asked]
    assert [later - earlier for earlier, later in pairwise(starts)] == [pytest.approx(10)] * 4


# --- size ---


def test_ten_thousand_operations_need_few_tasks_and_each_ending_is_told_once() -> None:
    ends = {f"op-{number}": 5.0 + number % 10 for number in range(10_000)}
    told: dict[str, int] = {}
    tasks: list[int] = []

    async def scripted(handle: Handle) -> Progress:
        return Succeeded() if elapsed() >= ends[handle.id] else Running()

    def tell_of(name: str) -> Callable[[Progress, Now], bool]:
        def tell(progress: Progress, _: Now) -> bool:
            if progress == Succeeded():
                told[name] = told.get(name, 0) + 1
            return progress == Succeeded()

        return tell

    async def main() -> None:
        tracker, _ = make(Scripted(scripted), workers=16)
        for name in ends:
            tracker.poll(Handle("sub", name), tell_of(name), due_t=FAR)

        async def watch() -> None:
            for _ in range(20):
                await asyncio.sleep(1)
                tasks.append(len(asyncio.all_tasks()))

        await beside(tracker, watch())
        assert tracker.held == 0

    run(main())
    assert told == dict.fromkeys(ends, 1)
    assert max(tasks) == 16 + 2  # the workers, the tracker's own task and the test's


def test_an_idle_tracker_sets_no_timer() -> None:
    async def main() -> None:
        tracker, _ = make(Scripted(running))
        tracker.poll(Handle("sub", "op"), lambda *_: True, due_t=FAR)
        await tracker.run()

    with pytest.raises(Deadlock, match=r"at virtual time 0\.\d+ s"):
        run(main())


def test_a_tracker_that_is_stopped_leaves_no_timer_and_no_wish_behind() -> None:
    async def main() -> None:
        tracker, pacer = make(Scripted(running), pace=ONE_A_SECOND)
        pacer.throttled("sub", Kind.READ, 300.0)
        tracker.poll(Handle("sub", "op"), never, due_t=FAR)
        tracker.poll(Handle("other", "op"), never, due_t=FAR)
        await beside(tracker, asyncio.sleep(5))
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match="at virtual time 5 s"):
        run(main())


def test_a_second_run_goes_on_with_what_the_first_left_with_all_its_workers() -> None:
    async def slow(_: Handle) -> Progress:
        await asyncio.sleep(10)
        return Succeeded()

    platform = Scripted(slow)
    told: list[float] = []

    def tell(_: Progress, now: Now) -> bool:
        told.append(now.t)
        return True

    async def main() -> int:
        tracker, _ = make(platform, workers=2)
        for number in range(6):
            tracker.poll(Handle(f"sub-{number}", f"op-{number}"), tell, due_t=FAR)
        await beside(tracker, asyncio.sleep(5))
        await beside(tracker, asyncio.sleep(31))
        return tracker.held

    assert run(main()) == 0
    assert told == pytest.approx([15, 15, 25, 25, 35, 35])


def test_two_runs_at_once_are_our_own_mistake() -> None:
    async def main() -> None:
        tracker, _ = make(Scripted(running))
        await beside(tracker, tracker.run())

    with pytest.raises(ExceptionGroup) as caught:
        run(main())
    assert caught.group_contains(InvariantBroken, match="runs already")


def test_more_records_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        tracker, _ = make(Scripted(running))
        for number in range(3):
            tracker.poll(Handle("sub", f"op-{number}"), never, due_t=FAR)

    monkeypatch.setattr(module, "TRACKED_MAX", 2)
    with pytest.raises(InvariantBroken, match="more than 2"):
        run(main())
