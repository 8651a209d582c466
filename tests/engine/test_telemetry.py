"""Every entry is logged once under its tag and counted; large and long things stay in the journal."""

import asyncio

import pytest
import structlog
from prometheus_client import REGISTRY, CollectorRegistry
from structlog.testing import LogCapture
from structlog.typing import EventDict

from rollout.core import event
from rollout.core.change_plan import RollbackPlan, UpgradePlan
from rollout.core.ending import Outcome
from rollout.core.event import Entry, Evidence, Fact, Finding, Verdict
from rollout.core.fleet_event import Halted, ServiceEnded
from rollout.core.names import Digest, Now, RolloutId, ServiceName, Slot, StreamName, Target
from rollout.core.operation import Operation, RollBack, StartUpgrade, Walk
from rollout.core.outcome import Handle, Progress, RefusedKind, Succeeded, Unreachable
from rollout.core.outcome import Outcome as CallOutcome
from rollout.core.plan import HealthPlan, OnFailure, ServicePlan, WalkPlan
from rollout.core.prepare import Order, Preparation
from rollout.core.snapshot import Absent, Observation, Sighting
from rollout.engine.clock import EngineClock
from rollout.engine.pacer import Kind, Lane, Pace, Pacer
from rollout.engine.telemetry import TEXT_CHARS_MAX, Telemetry
from rollout.engine.tracker import Tracker
from rollout.errors import InvariantBroken
from rollout.journal.journal import Recorded
from rollout.platforms.platform import Capabilities, RollbackSupport, Ticket, WalkOrder
from rollout.simulation.loop import run

STREAM = StreamName("web-2.4.1/web-weu-01#2")
DIGEST = Digest("0" * 64)
PLAN = ServicePlan(
    rollout=RolloutId("web-2.4.1"),
    target=Target("sub", ServiceName("web-weu-01"), Slot.PRODUCTION),
    change=UpgradePlan(DIGEST, "https://relstore.example/web.cspkg", DIGEST, "web-2.4.1"),
    health=HealthPlan(0, 120, 600, 15, ()),
    walk=WalkPlan(300, 2_700, allow_no_rollback=False),
    begin_timeout_s=1_800,
    timeout_s=86_400,
    on_failure=OnFailure.ROLLBACK,
    rollback=RollbackPlan(),
)


class Watched:
    """A Telemetry with its log and its metrics to look at."""

    def __init__(self) -> None:
        self._log = LogCapture()
        self.registry = CollectorRegistry()
        logger = structlog.wrap_logger(
            structlog.testing.ReturnLogger(),
            processors=[self._log],
            wrapper_class=structlog.make_filtering_bound_logger(0),
        )
        self._telemetry = Telemetry(logger, self.registry)
        self._position = 0

    def tell(self, *facts: Fact, stream: StreamName = STREAM) -> list[EventDict]:
        """Record facts one after another; give the log lines they made."""
        before = len(self._log.entries)
        for fact in facts:
            self._position += 1
            entry = Entry(stream, self._position, Now(12.3456, 1.7e9), "engine", fact)
            self._telemetry.record([Recorded(self._position, entry, "0" * 64)])
        return list(self._log.entries[before:])

    def watch(self, pacer: Pacer, tracker: Tracker) -> None:
        self._telemetry.watch(pacer, tracker)

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"rolloutd_{name}", labels)


def test_an_entry_of_a_service_is_one_event_with_its_identity_and_small_fields() -> None:
    [line] = Watched().tell(event.Succeeded(3))
    assert line == {
        "event": "succeeded",
        "log_level": "info",
        "rollout": "web-2.4.1",
        "service": "web-weu-01",
        "attempt": 2,
        "position": 1,
        "version": 1,
        "t": 12.346,
        "actor": "engine",
        "number": 3,
    }


def test_an_entry_of_the_rollout_names_the_rollout_and_keeps_its_own_service_field() -> None:
    fact = ServiceEnded(ServiceName("web-neu-02"), Outcome.ROLLED_BACK)
    [line] = Watched().tell(fact, stream=StreamName("web-2.4.1"))
    assert (line["rollout"], line["service"], line["outcome"]) == ("web-2.4.1", "web-neu-02", "rolled_back")
    assert "attempt" not in line


@pytest.mark.parametrize(
    ("fact", "name", "shown"),
    [
        (event.Intended(1, Walk(3), 120.0), "operation", "walk of domain 3"),
        (event.Accepted(1, Handle("sub", "abc")), "handle", "abc"),
        (event.Refused(1, RefusedKind.BUSY, "locked", 1.23456), "retry_in_s", 1.235),
        (event.Refused(1, RefusedKind.BUSY, "locked", 1.0), "kind", "busy"),
        (event.Observed(Finding.CLEAR, "nothing against it"), "finding", "clear"),
        (
            event.Probed(0, Verdict.FAIL, (Evidence("instances", Verdict.FAIL, "1 of 2"),)),
            "evidence",
            ["instances: fail: 1 of 2"],
        ),
    ],
)
def test_fields_are_shown_as_plain_values(fact: Fact, name: str, shown: object) -> None:
    [line] = Watched().tell(fact)
    assert line[name] == shown


def test_plans_sightings_and_empty_fields_stay_out_of_the_log() -> None:
    saw = Sighting("web", "Running", locked=False, pointer=None, during=False, ready=4, instances=4)
    opened, observed = Watched().tell(event.Opened(PLAN, 2), event.Observed(Finding.CLEAR, "", saw))
    assert "plan" not in opened
    assert "saw" not in observed


def test_long_texts_are_cut_to_their_named_length() -> None:
    [line] = Watched().tell(event.Failed(1, "InternalError", "x" * 10_000))
    assert len(line["message"]) == TEXT_CHARS_MAX
    assert line["message"].endswith("…")


@pytest.mark.parametrize(
    ("fact", "level"),
    [
        (event.Escalated("only a person can tell"), "warning"),
        (event.TurnedBack("gate failed"), "warning"),
        (event.Lost(1, "reset"), "warning"),
        (Halted("canary", "too many failures"), "warning"),
        (event.Admitted("canary"), "info"),
    ],
)
def test_what_needs_a_look_is_a_warning(fact: Fact, level: str) -> None:
    [line] = Watched().tell(fact)
    assert line["log_level"] == level


def test_entries_are_counted_by_kind_and_the_position_is_shown() -> None:
    watched = Watched()
    watched.tell(event.Admitted("canary"), event.Succeeded(1), event.Succeeded(2))
    assert watched.metric("entries_total", kind="succeeded") == 2
    assert watched.metric("entries_total", kind="admitted") == 1
    assert watched.metric("journal_position") == 3


def test_answers_are_counted_by_operation_and_answer() -> None:
    watched = Watched()
    upgrade = StartUpgrade(DIGEST, DIGEST, "web [ro:0123456789ab]", {"web": 2})
    watched.tell(
        event.Intended(1, upgrade, 120.0),
        event.Refused(1, RefusedKind.THROTTLED, "too many", 1.0),
        event.Intended(2, upgrade, 120.0),
        event.Accepted(2, Handle("sub", "a")),
        event.Intended(3, RollBack(), 120.0),
        event.Lost(3, "reset"),
    )
    assert watched.metric("calls_total", operation="upgrade", answer="throttled") == 1
    assert watched.metric("calls_total", operation="upgrade", answer="accepted") == 1
    assert watched.metric("calls_total", operation="rollback", answer="lost") == 1


def test_an_answer_to_an_intent_of_an_earlier_engine_is_counted_as_unknown() -> None:
    watched = Watched()
    watched.tell(event.Lost(7, "engine restarted"))
    assert watched.metric("calls_total", operation="unknown", answer="lost") == 1


def test_verdicts_and_endings_are_counted_and_ended_streams_forgotten() -> None:
    watched = Watched()
    watched.tell(
        event.Intended(1, Walk(0), 120.0),
        event.Probed(0, Verdict.UNKNOWN, ()),
        event.Closed(Outcome.SUCCEEDED, "engine", "every domain is done"),
    )
    assert watched.metric("gate_verdicts_total", verdict="unknown") == 1
    assert watched.metric("service_rollouts_ended_total", outcome="succeeded") == 1
    assert watched._telemetry._operations == {}


def test_two_engines_in_one_process_share_no_metric_and_the_global_registry_stays_clean() -> None:
    first, second = Watched(), Watched()
    first.tell(event.Succeeded(1))
    assert second.metric("entries_total", kind="succeeded") is None
    assert not [metric for metric in REGISTRY.collect() if metric.name.startswith("rolloutd")]


def test_pacing_is_read_at_the_scrape_and_shows_rates_waiting_and_what_was_asked() -> None:
    watched = Watched()

    async def main() -> None:
        clock = EngineClock.on_running_loop(0.0, lambda: 0.0)
        pacer = Pacer(clock, reads=Pace(start=8.0, floor=1.0, ceiling=8.0, rise=0.0))
        tracker = Tracker(Silent(), pacer, clock, draw=lambda: 0.5)
        watched.watch(pacer, tracker)
        assert watched.metric("pacer_rate", scope="sub", kind="read") is None
        pacer.throttled("sub", Kind.READ, 60.0)
        for number in range(3):
            tracker.poll(Handle("sub", f"op-{number}"), lambda *_: True, due_t=1e6, going_back=number == 0)
        pacer.may_repeat("sub", Kind.WRITE, Lane.FORWARD)
        for _ in range(20):
            pacer.answered("sub", Kind.WRITE, 0.0, ok=False)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(tracker.run())
            await asyncio.sleep(40)
            waiting = {"scope": "sub", "kind": "read"}
            assert watched.metric("pacer_rate", **waiting) == 4.0
            assert watched.metric("pacer_waiting", **waiting, lane="going_back") == 1
            assert watched.metric("pacer_waiting", **waiting, lane="forward") == 2
            assert watched.metric("pacer_throttled_total", **waiting) == 1
            assert watched.metric("pacer_breaker_open", **waiting) == 0
            assert watched.metric("pacer_breaker_open", scope="sub", kind="write") == 1
            assert watched.metric("pacer_retries_total", scope="sub", kind="write") == 1
            assert watched.metric("poll_lag_seconds", scope="sub") == pytest.approx(40, abs=0.3)
            assert watched.metric("polls_total") == 0
            await asyncio.sleep(60)
            running.cancel()
        assert watched.metric("polls_total") == 3
        assert watched.metric("looks_total") == 0
        assert watched.metric("poll_lag_seconds", scope="sub") == 0

    run(main())


class Silent:
    """A platform whose operations have all succeeded."""

    capabilities = Capabilities(
        walk_order=WalkOrder.ASCENDING,
        begin_starts_first_domain=False,
        rollback=RollbackSupport.NONE,
        suspend=False,
        swap=False,
    )

    def write_scope(self, target: Target) -> str:
        return target.subscription

    async def observe(self, target: Target) -> Observation:
        return Absent(f"no {target.service}")

    async def submit(self, target: Target, operation: Operation, ticket: Ticket) -> CallOutcome:
        raise InvariantBroken(f"{target}, {operation} and {ticket}: nothing is submitted here")

    async def poll(self, handle: Handle) -> Progress:
        return Succeeded() if handle.id else Unreachable("no id")

    async def prepare(self, order: Order) -> Preparation:
        raise InvariantBroken(f"{order}: nothing is made ready here")

    async def close(self) -> None:
        return
