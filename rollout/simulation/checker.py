"""The checker: judges a run by the emulator's truth and the durable bytes, and asks the engine nothing.

Rules are named as in reliability.md §2. More come from design.md: `evidence` (no limit ends anything on stale
evidence), `looks` (settled and restored are seen twice), `caps` (a wave's max_parallel), `foreign` (what is taken over
has really been touched by somebody else), `quiet` (what is over does not move) and `deadline` (past it nothing begins).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Never

from rollout.core import event
from rollout.core.evolve import IllegalFact
from rollout.core.names import StreamName, Target, is_service_stream
from rollout.core.operation import Operation, RollBack, Walk, describe
from rollout.core.outcome import Lost, Outcome, Refused, RefusedKind
from rollout.emulator.fabric_state import LogEntry
from rollout.platforms.classic.vocabulary import Verb
from rollout.simulation.book import Book, Page
from rollout.simulation.effects import verb_of
from rollout.simulation.endings import false_ending
from rollout.simulation.peaks import Peaks, moving_with
from rollout.simulation.sender import SENDER
from rollout.simulation.trace import Trace
from rollout.simulation.truth import Truth
from rollout.simulation.violation import Violation

EVIDENCE_S: Final = 60.0
"""A limit ends something only with an answer this fresh; the platform's slowest one takes half of it."""
STRANGER_GRACE_S: Final = 180.0
"""A stranger who came between our last look and our call cannot be seen; this bounds look, call and late arrival."""
LOSSES_MAX: Final = 4
"""A call whose answer was lost is repeated three times."""
RETRY_AFTER_S_MAX: Final = 300.0
TWO: Final = 2


@dataclass(slots=True)
class Checker:
    """Watches one run. Every method may raise Violation; the first one is kept as well."""

    seed: int
    truth: Truth
    book: Book
    time: Callable[[], float]
    trace: Trace = field(default_factory=Trace)
    peaks: Peaks = field(default_factory=Peaks)
    violation: Violation | None = None
    effects: list[tuple[float, str]] = field(default_factory=list)
    sends: int = 0
    _effective: set[str] = field(default_factory=set)
    _done: set[tuple[StreamName, Verb, int | None]] = field(default_factory=set)
    _sent_at: dict[str, float] = field(default_factory=dict)
    _newest: dict[StreamName, int] = field(default_factory=dict)
    _gates: dict[tuple[StreamName, int], float] = field(default_factory=dict)
    _last_page: dict[StreamName, float] = field(default_factory=dict)
    _looks: Counter[str] = field(default_factory=Counter)
    _answered_at: dict[str, float] = field(default_factory=dict)
    _froze_at: float = float("-inf")
    _frozen_s: float = 0.0
    _losses: Counter[tuple[StreamName, str]] = field(default_factory=Counter)
    _not_before: dict[StreamName, float] = field(default_factory=dict)
    _active: dict[Target, None] = field(default_factory=dict)

    def broken(self, invariant: str, said: str) -> Never:
        """Raise, and keep it: whoever is in between may swallow what is raised."""
        last = [f"{at:9.1f} s  {text}" for at, text in self.effects]
        violation = Violation(invariant, said, seed=self.seed, at=self.time(), last=last)
        self.violation = self.violation or violation
        raise violation

    # --- the journal ---

    def read(self) -> None:
        """Fold and judge whatever became durable since the last time."""
        for page in self.book.unread(self.time()):
            try:
                self.book.fold(page)
            except IllegalFact as error:
                self.broken("S7", f"the journal does not fold: {error}")
            if is_service_stream(page.entry.stream):
                self._judge(page)
                self._last_page[page.entry.stream] = page.at
                self._looks[self._target(page.entry.stream).service] = 0
        self.peaks.count_broken(self.book, self.time())

    def _judge(self, page: Page) -> None:
        stream, fact = page.entry.stream, page.entry.fact
        match fact:
            case event.Admitted():
                self._judge_admission(page)
            case event.Observed(finding=event.Finding.SETTLED | event.Finding.RESTORED as finding):
                looks = self._looks[self._target(stream).service]
                if looks < TWO:
                    self.broken("looks", f"{stream} is {finding} after {looks} looks")
            case event.Observed(finding=event.Finding.OVERDUE) | event.GateFailed():
                self._judge_evidence(page)
            case event.Baked():
                self._judge_evidence(page)
            case event.GatePassed(domain=domain):
                self._judge_evidence(page)
                self._judge_gate(stream, domain, page.at)
            case event.TakenOver(detail=detail) if self._target(stream).service not in self.truth.strangers:
                self.broken("foreign", f"{stream} was taken over, and nobody else was there: {detail}")
            case event.HeldOnFailure(reason=reason) | event.Escalated(reason=reason) if not reason:
                self.broken("E1", f"{stream} waits for a person without a reason")
            case event.Closed():
                self._judge_ending(stream, fact)
            case _:
                pass

    def _judge_evidence(self, page: Page) -> None:
        stream, fact = page.entry.stream, page.entry.fact
        service = self._target(stream).service
        seen_at = self._answered_at.get(service, float("-inf"))
        age_s = page.tried_at - seen_at
        if seen_at <= self._froze_at < page.tried_at:
            age_s -= self._frozen_s  # what was judged before the process stood still may be written after it
        if age_s > EVIDENCE_S:
            self.broken("evidence", f"{stream}: {type(fact).__name__} with evidence {age_s:.0f} s old")

    def _judge_gate(self, stream: StreamName, domain: int, at: float) -> None:
        """S2, first half: a gate opens only after the domain was up for as long as the policy wants."""
        state = self.book.services[stream]
        self.truth.fabric.now()
        deployment = self.truth.deployment(state.plan.target)
        if deployment is None or state.plan.service in self.truth.strangers:
            return
        health = state.plan.health
        why = self.truth.unfit(deployment, domain, state.token or "?", known_at=at - health.interval_s)
        if why is not None:
            self.broken("S2", f"the gate of {stream} opened, but {why}")
        stable_s = at - self.truth.ready_since(deployment, domain)
        if stable_s < health.wait_s + health.stable_s:
            self.broken("S2", f"the gate of {stream}, domain {domain}, opened {stable_s:.0f} s after it was up")
        self._gates[stream, domain] = at

    def _judge_ending(self, stream: StreamName, closed: event.Closed) -> None:
        if not (closed.who and closed.reason):
            self.broken("E1", f"{stream} ended without an actor or a reason")
        state = self.book.services[stream]
        if state.plan.service in self.truth.strangers:
            return
        self.truth.fabric.now()
        tokens = frozenset(self.book.tokens.get(stream, ()))
        lie = false_ending(self.truth, state, tokens, closed.outcome, self._last_page.get(stream, self.time()))
        if lie is not None:
            self.broken(*lie)

    def _judge_admission(self, page: Page) -> None:
        stream = page.entry.stream
        wave, moving = moving_with(self.book, stream)
        if len(moving) > wave.max_parallel:
            self.broken("caps", f"{len(moving)} services move in wave {wave.name}, which allows {wave.max_parallel}")
        due_wall = self.book.rollouts[StreamName(stream.partition("/")[0])].deadline_wall
        if due_wall is not None and page.entry.now.wall >= due_wall:
            self.broken("deadline", f"{stream} began after the deadline of its rollout")

    # --- calls ---

    def sent(self, key: str, operation: Operation) -> None:
        """Judge a call at the moment its first byte leaves."""
        self.read()
        self.sends += 1
        self._sent_at[key] = self.time()
        stream = _stream_of(key)
        self._newest[stream] = max(self._newest.get(stream, 0), _number_of(key))
        state = self.book.services[stream]
        what = f"the {describe(operation)} of {stream}"
        if state.stop is not None:
            self.broken("S13", f"{what} was sent although {state.stop.who} said stop")
        if state.ended is not None:
            self.broken("S5", f"{what} was sent after the attempt had ended")
        forward = not isinstance(operation, RollBack)
        if forward and state.turned_back:
            self.broken("S3", f"{what} was sent although it goes back: {state.failure}")
        if forward and state.holds:
            self.broken("S3", f"{what} was sent although it is held: {state.holds[0].note}")
        if self.time() < self._not_before.get(stream, 0.0):
            self.broken("S11", f"{what} was sent before the Retry-After of the last answer was over")

    def answered(self, key: str, operation: Operation, outcome: Outcome) -> None:
        """Hear what the platform said to a call, as the engine hears it."""
        stream = _stream_of(key)
        if isinstance(outcome, Refused) and outcome.kind is RefusedKind.THROTTLED and outcome.retry_after_s:
            self._not_before[stream] = self.time() + min(outcome.retry_after_s, RETRY_AFTER_S_MAX)
        if isinstance(outcome, Lost):
            self._losses[stream, describe(operation)] += 1
            if self._losses[stream, describe(operation)] > LOSSES_MAX:
                self.broken("S11", f"the {describe(operation)} of {stream} was repeated after {LOSSES_MAX} losses")

    def died(self) -> None:
        """Forget what only the dead process had heard."""
        self._not_before.clear()

    def froze(self, lasts_s: float) -> None:
        """Hear that the engine's process stands still from now on, for so long."""
        self._froze_at, self._frozen_s = self.time(), lasts_s

    def seen(self, service: str, *, look: bool) -> None:
        """Hear that the engine got a usable answer about a service: a look, or a poll."""
        self._answered_at[service] = self.time()
        if look:
            self._looks[service] += 1

    # --- effects ---

    def effect(self, entry: LogEntry) -> None:
        """Judge a change at the moment it takes effect, in the name of whose call it is."""
        self.read()
        at, key = self.time(), SENDER.get()
        what = f"{entry.verb} {entry.service}" + ("" if entry.domain is None else f" domain {entry.domain}")
        self.effects.append((at, f"{what} by {key or 'a stranger'}"))
        self.trace.effect(entry.verb.value, entry.service, entry.domain, key)
        if key is None:
            self.truth.strangers.setdefault(entry.service, entry.at)
            return
        intent, stream = self.book.intents.get(key), _stream_of(key)
        if intent is None:
            self.broken("S9", f"{what} took effect, and its intent {key} is not on disk")
        if verb_of(intent.operation) != (entry.verb, entry.domain):
            self.broken("S9", f"{what} took effect, and its intent says {describe(intent.operation)}")
        self._judge_once(stream, entry, key, what)
        state = self.book.services[stream]
        self._active[state.plan.target] = None
        self._judge_owner(stream, entry, key, what)
        if entry.verb is Verb.ROLLBACK:
            self.truth.turned[entry.service] = entry.at
        if isinstance(intent.operation, Walk):
            self._judge_walk(stream, intent.operation.domain, key)
        self.moved()

    def _judge_once(self, stream: StreamName, entry: LogEntry, key: str, what: str) -> None:
        state = self.book.services[stream]
        step = (stream, entry.verb, entry.domain)
        if key in self._effective or step in self._done:
            self.broken("S4", f"{what} took effect twice")
        if state.ended is not None:
            self.broken("S5", f"{what} took effect after {stream} had ended as {state.ended.outcome}")
        if _number_of(key) < self._newest.get(stream, 0):
            self.broken("S12", f"{what} took effect by call {key} after call {self._newest[stream]} had been sent")
        if entry.verb is not Verb.ROLLBACK and (stream, Verb.ROLLBACK, None) in self._done:
            self.broken("S3b", f"{what} took effect after the rollback had begun")
        self._effective.add(key)
        self._done.add(step)

    def _judge_owner(self, stream: StreamName, entry: LogEntry, key: str, what: str) -> None:
        came = self.truth.strangers.get(entry.service)
        if came is not None and came > self._sent_at.get(key, 0.0) - STRANGER_GRACE_S:
            return
        tokens = self.book.tokens.get(stream, set())
        if not any(entry.label.endswith(token) for token in tokens):
            self.broken("S10", f"{what} took effect on somebody else's change {entry.label!r}")
        deployment = self.truth.deployment(self.book.services[stream].plan.target)
        change = deployment.change if deployment is not None else None
        if entry.verb is Verb.UPGRADE and change is not None and not change.finished:
            self.broken("S10", f"{what} was begun over an update in progress, {change.new.label!r}")

    def _judge_walk(self, stream: StreamName, domain: int, key: str) -> None:
        """S2, second half: every domain before has passed its gate and is still well."""
        state = self.book.services[stream]
        deployment = self.truth.deployment(state.plan.target)
        if deployment is None or state.plan.service in self.truth.strangers:
            return
        for earlier in range(domain):
            if (stream, earlier) not in self._gates:
                self.broken("S2", f"{stream} walked domain {domain}, and domain {earlier} has not passed its gate")
            why = self.truth.unfit(deployment, earlier, state.token or "?", known_at=self._sent_at[key])
            if why is not None:
                self.broken("S2", f"{stream} walked domain {domain}, and {why}")

    def moved(self) -> None:
        """Judge who is down, after anything happened to the fleet."""
        domains = instances = 0
        for target in list(self._active):
            deployment = self.truth.deployment(target)
            if deployment is None:
                continue
            ours = self.truth.down_through_us(deployment)
            if len(ours) > 1 and target.service not in self.truth.strangers:
                self.broken("S1", f"domains {sorted(ours)} of {target.service} are down at once")
            down = self.truth.down(deployment)
            domains += len({each.domain for each in down})
            instances += len(down)
            if not down and deployment.change is None and deployment.lock is None:
                del self._active[target]
        self.peaks.count_down(domains, instances, self.time())

    def _target(self, stream: StreamName) -> Target:
        return self.book.services[stream].plan.target


def _stream_of(key: str) -> StreamName:
    return StreamName(key.rpartition("/")[0])


def _number_of(key: str) -> int:
    return int(key.rpartition("/")[2])
