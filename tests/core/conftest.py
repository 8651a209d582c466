"""A service rollout driven by hand: facts with times in, actions and sentences out; and the looks it may get."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec.structs import replace

from rollout.core import event, word_event
from rollout.core.action import Action
from rollout.core.change_plan import RollbackPlan, UpgradePlan
from rollout.core.decide import decide
from rollout.core.ending import Claim, Outcome
from rollout.core.event import Entry, Finding, HoldReason, ServiceFact, Verdict
from rollout.core.evolve import IllegalFact, evolve
from rollout.core.explain import explain
from rollout.core.interpret import interpret_look, interpret_poll
from rollout.core.judge import interpret_probe
from rollout.core.names import ENGINE, Digest, Now, RolloutId, ServiceName, Slot, Target, service_stream
from rollout.core.operation import Operation, RollBack, StartUpgrade, Walk
from rollout.core.outcome import Handle, Progress, RefusedKind
from rollout.core.phase import call_of
from rollout.core.plan import CheckPlan, HealthPlan, OnFailure, ServicePlan, WalkPlan
from rollout.core.snapshot import (
    Activity,
    Before,
    ChangeInFlight,
    Instance,
    Look,
    Observation,
    Snapshot,
    sighting,
)

if TYPE_CHECKING:
    from rollout.core.service import ServiceRollout

OLD = "web-2.4.0"
NEW = "web-2.4.1"
WALL = 1_700_000_000.0
QUARANTINE_S = 40.0


def service_plan(
    name: str = "web-01",
    *,
    on_failure: str = OnFailure.ROLLBACK,
    bake_s: float = 100.0,
    stable_s: float = 20.0,
    retry_s: float = 60.0,
    domain_timeout_s: float = 600.0,
    timeout_s: float = 10_000.0,
    allow_no_rollback: bool = False,
    rollback_timeout_s: float | None = None,
    label: str = NEW,
) -> ServicePlan:
    """Give a plan with small clocks: wait 10 s, stable 20 s, retry 60 s, every 5 s; begin within 300 s."""
    return ServicePlan(
        rollout=RolloutId("web-1"),
        target=Target("sub-1", ServiceName(name), Slot.PRODUCTION),
        change=UpgradePlan(Digest("a" * 64), "https://store.example/web.cspkg", Digest("b" * 64), label),
        health=HealthPlan(10.0, stable_s, retry_s, 5.0, (CheckPlan("instances", "instances", 10.0),)),
        walk=WalkPlan(bake_s, domain_timeout_s, allow_no_rollback),
        begin_timeout_s=300.0,
        timeout_s=timeout_s,
        on_failure=OnFailure(on_failure),
        rollback=RollbackPlan(timeout_s=rollback_timeout_s),
    )


class Looks:
    """Snapshots of a deployment with one role and two instances in each domain."""

    def __init__(self, domains: int) -> None:
        self.domains = domains

    def running(self, release: str = OLD, **changed: Any) -> Snapshot:
        """Nothing under way: Running, unlocked, all ready."""
        instances = tuple(
            Instance(f"Web_IN_{number}", "Web", number % self.domains, ready=True, status="ReadyRole")
            for number in range(2 * self.domains)
        )
        plain = Snapshot(
            deployment="dep-1",
            release=release,
            activity=Activity.RUNNING,
            status="Running",
            domain_count=self.domains,
            instances=instances,
            change=None,
            locked=False,
            rollback_allowed=None,
            digest="d" * 64,
        )
        return replace(plain, **changed)

    def mid(self, pointer: int, release: str, *, during: bool = False, manual: bool = True, **changed: Any) -> Snapshot:
        """In the middle of an update; `during` leaves the pointer's instances not ready."""
        change = ChangeInFlight(manual=manual, domain=pointer, during=during)
        looked = self.running(release, change=change, activity=Activity.CHANGING, status="RunningTransitioning")
        looked = self.sick(looked, pointer) if during else looked
        return replace(looked, **changed)

    @staticmethod
    def sick(looked: Snapshot, domain: int, status: str = "BusyRole") -> Snapshot:
        """The same with the instances of one domain not ready."""
        return replace(
            looked,
            instances=tuple(
                replace(each, ready=False, status=status) if each.domain == domain else each
                for each in looked.instances
            ),
        )


class Story:
    """One service rollout. Facts are told at `t`; `go` takes the shortest legal way to a named place."""

    def __init__(self, domains: int = 3, **plan: Any) -> None:
        self.plan = service_plan(**plan)
        self.looks = Looks(domains)
        self.t = 0.0
        self.state: ServiceRollout = evolve(None, self.entry(event.Opened(self.plan, attempt=1), version=1))
        self.previous: Look | None = None

    # --- time, facts and what follows ---

    @property
    def now(self) -> Now:
        return Now(self.t, WALL + self.t)

    def at(self, t: float) -> "Story":
        self.t = t
        return self

    def later(self, seconds: float) -> "Story":
        return self.at(self.t + seconds)

    def entry(self, fact: event.Fact, *, version: int | None = None) -> Entry:
        stream = service_stream(self.plan.rollout, self.plan.service, 1)
        return Entry(stream, self.state.version + 1 if version is None else version, self.now, ENGINE, fact)

    def tell(self, *facts: ServiceFact | Callable[[], ServiceFact]) -> "Story":
        """Record facts; one given as a method is made when its turn comes, so that it fits."""
        for given in facts:
            fact = given() if callable(given) else given
            self.state = evolve(self.state, self.entry(fact))
            self.previous = None
        return self

    def refuses(self, fact: event.Fact) -> str:
        """Demand that the fact is illegal here and changes nothing; give the message."""
        before = msgspec.json.encode(self.state)
        with pytest.raises(IllegalFact) as caught:
            evolve(self.state, self.entry(fact))
        assert msgspec.json.encode(self.state) == before
        return str(caught.value)

    @property
    def action(self) -> Action | None:
        return decide(self.state, self.now)

    @property
    def why(self) -> str:
        return explain(self.state, self.now)

    @property
    def phase(self) -> str:
        return type(self.state.phase).__name__

    def obey(self) -> "Story":
        """Record what decide wants recorded."""
        action = self.action
        assert action is not None
        assert hasattr(action, "fact"), action
        return self.tell(action.fact)

    # --- answers, judged and recorded ---

    def look(self, seen: Observation, *, after_s: float = 1.0, dark_s: float = 0.0) -> ServiceFact | None:
        """Look `after_s` seconds later; the fact it means is recorded. Remembers the look before, as a watch does."""
        self.later(after_s)
        look = Look(seen, self.now)
        fact = interpret_look(self.state, self.previous, look, dark_s=dark_s)
        self.previous = look
        return self._keep(fact)

    def poll(self, progress: Progress, *, after_s: float = 1.0, dark_s: float = 0.0) -> ServiceFact | None:
        self.later(after_s)
        return self._keep(interpret_poll(self.state, self.state.calls, progress, self.now, dark_s=dark_s))

    def probe(self, verdict: Verdict, *, after_s: float = 5.0) -> ServiceFact | None:
        self.later(after_s)
        return self._keep(interpret_probe(self.state, verdict, self.evidence(verdict), self.now))

    @staticmethod
    def evidence(verdict: Verdict) -> tuple[event.Evidence, ...]:
        return (event.Evidence("instances", verdict, "4 of 6 ready"),)

    def _keep(self, fact: ServiceFact | None) -> ServiceFact | None:
        if fact is not None:
            self.tell(fact)
        return fact

    # --- facts that fit the present state ---

    @property
    def ours(self) -> str:
        """The label with the token of the upgrade that was intended."""
        assert self.state.token is not None
        return f"{NEW} {self.state.token}"

    @property
    def before(self) -> Before:
        return Before("dep-1", OLD, self.looks.domains, {"Web": 2 * self.looks.domains})

    @property
    def fitting(self) -> event.Preflighted:
        return event.Preflighted(self.before, sighting(self.looks.running()))

    def observed(self, finding: Finding, seen: Snapshot | None = None) -> event.Observed:
        return event.Observed(finding, f"the look said {finding}", None if seen is None else sighting(seen))

    def intended(self, operation: Operation) -> event.Intended:
        return event.Intended(self.state.calls + 1, operation, QUARANTINE_S)

    def upgrade(self) -> StartUpgrade:
        change, label = self.plan.change, f"{NEW} [ro:{self.state.calls + 1:012d}]"
        assert isinstance(change, UpgradePlan)
        return StartUpgrade(change.package, change.configuration, label, {"Web": 6})

    def accepted(self) -> event.Accepted:
        return event.Accepted(self.state.calls, Handle("sub-1", f"op-{self.state.calls}"))

    def refused(self, kind: RefusedKind = RefusedKind.BUSY, *, retry_in_s: float = 7.0) -> event.Refused:
        return event.Refused(self.state.calls, kind, "said no", retry_in_s)

    def lost(self) -> event.Lost:
        return event.Lost(self.state.calls, "connection reset")

    def succeeded(self) -> event.Succeeded:
        return event.Succeeded(self.state.calls)

    def failed(self) -> event.Failed:
        return event.Failed(self.state.calls, "InternalError", "it broke")

    @staticmethod
    def held(who: str = "ann", note: str = "lunch") -> event.Held:
        return event.Held(HoldReason.PAUSE, who, note)

    # --- the way to a named place ---

    def go(self, place: str) -> "Story":
        head, _, tail = place.partition(" ")
        getattr(self, f"_to_{head}")()
        if tail:
            assert call_of(self.state.phase) is None or head == "walking"
            self._ask(head, tail)
        return self

    def _to_queued(self) -> None:
        pass

    def _to_preflight(self) -> None:
        self.tell(event.Admitted("rest"))

    def _to_beginning(self) -> None:
        self._to_preflight()
        self.tell(self.fitting)

    def _to_ready(self) -> None:
        self._to_beginning()
        self._ask("beginning", "accepted")
        self.tell(self.succeeded())

    def _to_walking(self) -> None:
        self._to_ready()
        self.tell(self.intended(Walk(0)))

    def _to_settling(self) -> None:
        self._to_walking()
        self.tell(self.accepted, self.succeeded)

    def _to_checking(self) -> None:
        self._to_settling()
        self.tell(self.observed(Finding.SETTLED))

    def _to_baking(self) -> None:
        self._to_checking()
        for domain in range(1, self.looks.domains - 1):
            self.tell(event.GatePassed(domain - 1, ()))
            self.walk(domain)
        self.tell(event.GatePassed(self.looks.domains - 2, ()))

    def _to_reconciling(self) -> None:
        self._to_walking()
        self.tell(self.lost())

    def _to_rolling_back(self) -> None:
        self._to_ready()
        self.tell(event.TurnedBack("a domain is sick"))

    def _to_held(self) -> None:
        self._to_ready()
        self.tell(event.HeldOnFailure("a domain is sick"))

    def _to_resolving(self) -> None:
        self._to_held()
        self.tell(word_event.Claimed(Claim.LEFT, "ann", "it is all right"))

    def _to_taken_over(self) -> None:
        self._to_ready()
        self.tell(event.TakenOver("somebody walked domain 1"))

    def _to_needs_operator(self) -> None:
        self._to_ready()
        self.tell(event.Escalated("it cannot be told"))

    def _to_ended(self) -> None:
        self._to_queued()
        self.tell(event.Closed(Outcome.FAILED, "ann", "no longer wanted"))

    def walk(self, domain: int) -> "Story":
        """Walk `domain` and settle it."""
        self.tell(self.intended(Walk(domain)), self.accepted, self.succeeded)
        return self.tell(self.observed(Finding.SETTLED))

    def _ask(self, head: str, tail: str) -> None:
        if head != "walking":
            self.tell(self.intended(RollBack() if head == "rolling_back" else self.upgrade()))
        if tail in {"accepted", "settling", "restored"}:
            self.tell(self.accepted())
        if tail in {"settling", "restored"}:
            self.tell(self.succeeded())
        if tail == "restored":
            self.tell(self.observed(Finding.RESTORED))


@pytest.fixture
def story() -> Callable[..., Story]:
    """Make a story: `story(domains, on_failure=…, bake_s=…)`."""
    return Story


@pytest.fixture
def make_plan() -> Callable[..., ServicePlan]:
    return service_plan
