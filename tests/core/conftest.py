"""A service rollout driven by hand: facts with times in, actions and sentences out; and the looks it may get."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec.structs import replace

from rollout.core import change_event, event, word_event
from rollout.core.action import Action
from rollout.core.change_plan import (
    ChangePlan,
    ConfigurePlan,
    ForeignPlan,
    InstancePlan,
    RollbackPlan,
    StatusPlan,
    SwapPlan,
    UpgradePlan,
)
from rollout.core.check_plan import CheckPlan
from rollout.core.command import Answer, Command, Refused, Told, Verb
from rollout.core.commands import answer
from rollout.core.decide import decide
from rollout.core.ending import Claim, Outcome
from rollout.core.event import Entry, Finding, HoldReason, ServiceFact, Verdict
from rollout.core.evolve import IllegalFact, evolve
from rollout.core.explain import explain
from rollout.core.interpret import interpret_look, interpret_poll
from rollout.core.judge import interpret_probe
from rollout.core.names import ENGINE, Digest, Now, RolloutId, ServiceName, Slot, Target, service_stream
from rollout.core.operation import (
    ActOnInstance,
    CapturePackage,
    Create,
    InstanceVerb,
    Mode,
    Operation,
    RollBack,
    RollbackMode,
    SetStatus,
    StartConfigure,
    StartUpgrade,
    SwapSlots,
    Walk,
)
from rollout.core.outcome import Handle, Progress, RefusedKind
from rollout.core.phase import Baking, Gate, call_of
from rollout.core.plan import HealthPlan, OnFailure, ServicePlan, WalkPlan
from rollout.core.sight_before import before_of
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
OLD_KEY, NEW_KEY = "key-old", "key-new"
PREVIOUS = "web-2.3.9"
"""What stands in production before a swap."""

UPGRADE = UpgradePlan(Digest("a" * 64), "https://store.example/web.cspkg", Digest("b" * 64), NEW)
GIVEN = RollbackPlan(package=Digest("c" * 64), package_shown="https://store.example/old.cspkg")
COPIED = RollbackPlan(capture=Digest("d" * 64), capture_shown="https://store.example/copies")
SWAP = SwapPlan(bake_s=50.0, keep_previous_s=1000.0)
STAGED = replace(SWAP, upgrade=UPGRADE)

KINDS: dict[str, dict[str, Any]] = {
    "upgrade": {},
    "auto": {"change": replace(UPGRADE, mode=Mode.AUTO)},
    "given": {"rollback": GIVEN},
    "copied": {"rollback": COPIED},
    "manual": {"rollback": RollbackPlan(mode=RollbackMode.MANUAL)},
    "configure": {"change": ConfigurePlan(settings={"Web/Size": "2"})},
    "swap": {"change": SWAP, "slot": Slot.STAGING},
    "staged": {"change": STAGED, "slot": Slot.STAGING, "bake_s": 0.0},
    "vacant": {"change": STAGED, "slot": Slot.STAGING, "bake_s": 0.0},
    "start": {"change": StatusPlan(running=True)},
    "suspend": {"change": StatusPlan(running=False)},
    "instance": {"change": InstancePlan(InstanceVerb.REBOOT, "Web_IN_0")},
}
"""The kinds of change and of way back that places are named after: `swap:swapping asked`."""


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
    change: ChangePlan | None = None,
    rollback: RollbackPlan | None = None,
    foreign: ForeignPlan | None = None,
    slot: Slot = Slot.PRODUCTION,
) -> ServicePlan:
    """Give a plan with small clocks: wait 10 s, stable 20 s, retry 60 s, every 5 s; begin within 300 s."""
    return ServicePlan(
        rollout=RolloutId("web-1"),
        target=Target("sub-1", ServiceName(name), slot),
        change=replace(UPGRADE, label=label) if change is None else change,
        health=HealthPlan(10.0, stable_s, retry_s, 5.0, (CheckPlan("instances", "instances", 10.0),)),
        walk=WalkPlan(bake_s, domain_timeout_s, allow_no_rollback),
        begin_timeout_s=300.0,
        timeout_s=timeout_s,
        on_failure=OnFailure(on_failure),
        rollback=RollbackPlan(timeout_s=rollback_timeout_s) if rollback is None else rollback,
        swap_timeout_s=400.0,
        status_timeout_s=500.0,
        foreign=ForeignPlan() if foreign is None else foreign,
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
            configuration=b"<old/>",
            key=OLD_KEY,
        )
        return replace(plain, **changed)

    def mid(self, pointer: int, release: str, *, during: bool = False, manual: bool = True, **changed: Any) -> Snapshot:
        """In the middle of an update; `during` leaves the pointer's instances not ready."""
        change = ChangeInFlight(manual=manual, domain=pointer, during=during)
        looked = self.running(release, change=change, activity=Activity.CHANGING, status="RunningTransitioning")
        looked = self.sick(looked, pointer) if during else looked
        return replace(looked, **changed)

    def suspended(self, release: str = OLD, **changed: Any) -> Snapshot:
        """Nothing runs, and nothing is under way."""
        off = self.running(release, activity=Activity.SUSPENDED, status="Suspended")
        gone = tuple(replace(each, ready=False, status="StoppedVM") for each in off.instances)
        return replace(off, instances=gone, **changed)

    def production(self, release: str = PREVIOUS, **changed: Any) -> Snapshot:
        """The deployment that stands in production before a swap."""
        return self.running(release, deployment="dep-0", **changed)

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

    def __init__(self, domains: int = 3, kind: str = "upgrade", **plan: Any) -> None:
        self.kind = kind
        self.plan = service_plan(**(KINDS[kind] | plan))
        self.looks = Looks(domains)
        self.t = 0.0
        self.stream = service_stream(self.plan.rollout, self.plan.service, 1)
        self.state: ServiceRollout = evolve(None, self.entry(event.Opened(self.plan, attempt=1), version=1))
        self.previous: Look | None = None

    @classmethod
    def of(cls, place: str, domains: int = 3, **plan: Any) -> "Story":
        """Give the story of a kind in a place: `swap:swapping asked`; without a kind, of an upgrade."""
        kind, _, where = place.rpartition(":")
        return cls(domains, kind=kind or "upgrade", **plan).go(where)

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
        return Entry(self.stream, self.state.version + 1 if version is None else version, self.now, ENGINE, fact)

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

    def anew(self, opened: event.Opened) -> "Story":
        """Go on with another attempt, in a stream of its own."""
        self.stream = service_stream(self.plan.rollout, self.plan.service, opened.attempt)
        self.state = evolve(None, self.entry(opened, version=1))
        return self

    # --- words ---

    def say(self, verb: str, **flags: Any) -> Answer:
        """Speak, and record what was accepted."""
        said = answer(self.state, Command("k", Verb(verb), "bob", "because", **flags), self.now)
        if isinstance(said, Told):
            assert said.facts
            self.tell(*[fact for fact in said.facts if not isinstance(fact, event.Opened)])
        return said

    def granted(self, verb: str, **flags: Any) -> Told:
        said = self.say(verb, **flags)
        assert isinstance(said, Told), said
        return said

    def denied(self, verb: str, **flags: Any) -> Refused:
        said = self.say(verb, **flags)
        assert isinstance(said, Refused), said
        assert said.why
        assert said.instead
        return said

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
        return self._keep(interpret_probe(self.state, self.evidence(verdict), self.now))

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
        off = self.kind == "start"
        return before_of(self.looks.suspended() if off else self.looks.running())

    @property
    def previous_one(self) -> Before:
        """What a swap takes the place of."""
        return before_of(self.looks.production())

    @property
    def whole(self) -> Snapshot:
        """Our update, complete and at rest."""
        if isinstance(self.plan.change, ConfigurePlan):
            return self.looks.running(key=NEW_KEY)
        return self.looks.running(self.ours)

    @property
    def fitting(self) -> event.Preflighted:
        return event.Preflighted(self.before, sighting(self.looks.running()))

    def observed(self, finding: Finding, seen: Snapshot | None = None) -> event.Observed:
        return event.Observed(finding, f"the look said {finding}", None if seen is None else sighting(seen))

    def intended(self, operation: Operation) -> event.Intended:
        return event.Intended(self.state.calls + 1, operation, QUARANTINE_S)

    def upgrade(self) -> StartUpgrade:
        label = f"{NEW} [ro:{self.state.calls + 1:012d}]"
        return StartUpgrade(UPGRADE.package, UPGRADE.configuration, label, {"Web": 6})

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
            assert call_of(self.state.phase) is None or head.startswith("walking")
            self._ask(head, tail)
        return self

    def _to_queued(self) -> None:
        pass

    def _to_preflight(self) -> None:
        self.tell(event.Admitted("rest"))

    def _to_surveyed(self) -> None:
        self._to_preflight()
        self.tell(change_event.Surveyed(self.previous_one))

    def _to_looked_at(self) -> None:
        """All that a preflight looks at is seen; documents may still be wanting."""
        if isinstance(self.plan.change, SwapPlan):
            self._to_surveyed()
        else:
            self._to_preflight()
        self.tell(change_event.Vacant("staging is empty") if self.kind == "vacant" else self.fitting)

    def _to_fit(self) -> None:
        """Fit for the change: where its first call is next."""
        self._to_looked_at()
        if self.kind in {"configure", "copied"}:
            self.tell(self.prepared)

    def _to_beginning(self) -> None:
        self._to_fit()
        if self.kind == "copied":
            self._ask("capturing", "settling")

    _to_capturing = _to_fit
    _to_applying = _to_fit

    def _to_applied(self) -> None:
        """The one call of a status, or of a word to an instance, has been seen to be done."""
        self._to_applying()
        self._ask("applying", "settling")
        self.tell(self.observed(Finding.SETTLED))

    def _to_ready(self) -> None:
        self._to_beginning()
        self._ask("beginning", "accepted")
        self.tell(self.succeeded())

    def _to_walking(self) -> None:
        self._to_ready()
        self.tell(self.intended(Walk(0)))

    def _to_settling(self) -> None:
        if self.kind == "auto":
            return self._to_ready()
        self._to_walking()
        self.tell(self.accepted, self.succeeded)
        return None

    def _to_checking(self) -> None:
        self._to_settling()
        self.tell(self.observed(Finding.SETTLED))

    def _to_baking(self) -> None:
        self._to_checking()
        for domain in range(1, self.looks.domains - 1):
            self.tell(event.GatePassed(domain - 1, ()))
            self.walk(domain)
        self.tell(event.GatePassed(self.looks.domains - 2, ()))

    def _to_walked(self) -> None:
        """Every domain runs the new release and was healthy."""
        self._to_checking()
        for domain in range(1, self.looks.domains):
            self.tell(event.GatePassed(domain - 1, ()))
            if self.state.phase == Baking(domain, Gate(self.t)):
                self.tell(event.Baked(domain, ()))
            self.walk(domain)
        self.tell(event.GatePassed(self.looks.domains - 1, ()))

    def _to_staged(self) -> None:
        """Staging is ready for the swap, which waits for the others."""
        if self.kind == "vacant":
            self._to_applying()
            self._ask("applying", "settling")
            self.tell(change_event.Deployed(self.before, sighting(self.looks.running(self.ours))))
            self.tell(event.GatePassed(self.looks.domains - 1, ()))
        else:
            self._to_walked()
        self.tell(change_event.Staged("all of staging runs it"))

    def _to_swapping(self) -> None:
        if self.kind == "swap":
            return self._to_fit()
        self._to_staged()
        self.tell(change_event.BarrierOpened("all others are ready"))
        return None

    def _to_swap_baking(self) -> None:
        self._to_swapping()
        self._ask("swapping", "settling")
        self.tell(self.observed(Finding.SETTLED))

    def _to_swapping_back(self) -> None:
        self._to_swap_baking()
        self.tell(event.TurnedBack("production is sick"))

    def _to_suspending(self) -> None:
        self._to_ready()
        self.tell(event.TurnedBack("a domain is sick", suspend=True))

    def _to_reconciling(self) -> None:
        self._to_walking()
        self.tell(self.lost())

    def _to_rolling_back(self) -> None:
        self._to_ready()
        self.tell(event.TurnedBack("a domain is sick"))

    def _to_reverting(self) -> None:
        """Our update is complete, so a new one is to take it back; of a status, the other one."""
        if self.kind in {"start", "suspend"}:
            self._to_applying()
            self._ask("applying", "settling")
            self.tell(event.TurnedBack("it is sick"))
            return
        self._to_complete()
        self.tell(change_event.RevertBegun("its Rollback is gone", "the old release"))

    def _to_complete(self) -> None:
        """It is to go back, and the look before that found our update complete."""
        self._to_rolling_back()
        self.tell(self.observed(Finding.NO_WAY_BACK, self.whole))

    def _to_ready_back(self) -> None:
        """The revert is begun, or the rollback waits to be walked."""
        if self.kind == "manual":
            self._to_rolling_back()
            self._ask("rolling_back", "settling")
            self.tell(self.observed(Finding.TURNED, self.looks.mid(0, OLD)))
            return
        self._to_reverting()
        self._ask("reverting", "accepted")
        self.tell(self.succeeded())

    def _to_walking_back(self) -> None:
        self._to_ready_back()
        self.tell(self.intended(Walk(0)))

    def _to_settling_back(self) -> None:
        self._to_walking_back()
        self.tell(self.accepted, self.succeeded)

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
        if not head.startswith("walking"):
            self.tell(self.intended(self.call(head)))
        if tail in {"accepted", "settling", "restored"}:
            self.tell(self.accepted())
        if tail in {"settling", "restored"}:
            self.tell(self.succeeded())
        if tail == "restored":
            self.tell(self.observed(Finding.RESTORED))

    def call(self, head: str) -> Operation:
        """Give what is asked for in a phase."""
        change = self.plan.change
        match head, change:
            case ("beginning", ConfigurePlan()):
                return StartConfigure(Digest("e" * 64), NEW_KEY)
            case ("reverting", ConfigurePlan()):
                return StartConfigure(self.before.configuration or Digest(""), OLD_KEY)
            case ("applying", StatusPlan(running=running)):
                return SetStatus(running)
            case ("reverting", StatusPlan(running=running)):
                return SetStatus(not running)
            case ("applying", InstancePlan(verb=verb, instance=instance)):
                return ActOnInstance(verb, instance)
            case ("applying", _):
                return Create("web-new", UPGRADE.package, UPGRADE.configuration, self.upgrade().label)
            case _:
                return self._call_of(head)

    def _call_of(self, head: str) -> Operation:
        match head:
            case "capturing":
                return CapturePackage(Digest("d" * 64))
            case "swapping":
                return SwapSlots("dep-0", "dep-1")
            case "swapping_back":
                return SwapSlots("dep-1", "dep-0")
            case "suspending":
                return SetStatus(running=False)
            case "rolling_back":
                return RollBack()
            case _:
                upgrade = self.upgrade()
                return replace(upgrade, mode=Mode.AUTO) if self.kind == "auto" else upgrade

    @property
    def prepared(self) -> change_event.Prepared:
        """Give what was made ready: the document of a change of configuration, or where the copy will lie."""
        copy = Digest("f" * 64) if self.kind == "copied" else None
        return change_event.Prepared(Digest("e" * 64), NEW_KEY, copy)


@pytest.fixture
def story() -> Callable[..., Story]:
    """Make a story: `story(domains, on_failure=…, bake_s=…)`."""
    return Story


@pytest.fixture
def make_plan() -> Callable[..., ServicePlan]:
    return service_plan
