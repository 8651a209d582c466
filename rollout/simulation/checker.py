"""The checker: judges a run by the emulator's truth and the durable bytes, and asks the engine nothing.

Rules are named as in reliability.md §2. More come from design.md: `evidence` (no limit ends anything on stale
evidence), `looks` (settled and restored are seen twice), `bake`, `barrier`, `caps`, `window` and `deadline` (as the
policy has them), `halt` (nothing new starts in a halted rollout), `foreign` (what is taken over was touched by somebody
else), `quiet` (what is over does not move), `together` (swaps of a wave that go together go back together).
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Never, TypeVar

from rollout.core import event
from rollout.core.ending import Outcome
from rollout.core.evolve import IllegalFact
from rollout.core.names import ServiceName, StreamName, is_service_stream
from rollout.core.operation import Operation, SwapSlots, Walk, describe
from rollout.core.outcome import Outcome as Answer
from rollout.core.service import ServiceRollout
from rollout.emulator.fabric_state import LogEntry
from rollout.platforms.classic.vocabulary import Verb
from rollout.simulation.book import Book, Page
from rollout.simulation.budgets import Budgets
from rollout.simulation.effects import verb_of
from rollout.simulation.endings import false_ending
from rollout.simulation.evidence import Evidence
from rollout.simulation.gating import Gates
from rollout.simulation.owner import not_ours
from rollout.simulation.peaks import Peaks, admitted_against, is_free, swapped_too_early
from rollout.simulation.sender import SENDER, number_of, stream_of
from rollout.simulation.sending import opened_against, sent_against
from rollout.simulation.trace import Trace
from rollout.simulation.truth import Truth
from rollout.simulation.violation import Violation

STRANGER_GRACE_S: Final = 180.0
"""A stranger who came between our last look and our call cannot be seen; this bounds look, call and late arrival."""

T = TypeVar("T")


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
    _done: set[tuple[StreamName, bool, Verb, int | None]] = field(default_factory=set)
    """What took effect: of which attempt, whether on a way back, and what."""
    _turned: set[StreamName] = field(default_factory=set)
    """Attempts of which something took effect on a way back."""
    _sent_at: dict[str, float] = field(default_factory=dict)
    _newest: dict[StreamName, int] = field(default_factory=dict)
    _gates: Gates = field(init=False)
    _budgets: Budgets = field(default_factory=Budgets)
    _last_page: dict[StreamName, Page] = field(default_factory=dict)
    evidence: Evidence = field(default_factory=Evidence)
    _active: dict[StreamName, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._gates = Gates(self.truth)

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
            before = self.book.services.get(page.entry.stream)
            try:
                self.book.fold(page)
            except IllegalFact as error:
                self.broken("S7", f"the journal does not fold: {error}")
            if is_service_stream(page.entry.stream):
                self._judge(page, before)
                self._last_page[page.entry.stream] = page
                self.evidence.moved(self._service(page.entry.stream))
                self._judge_others(page)
            else:
                self._complain("halt", opened_against(self.book, page))
        self.peaks.count_broken(self.book, self.time())

    def _judge_others(self, page: Page) -> None:
        """L4: while one service moves, nobody else who could is left alone."""
        for stream, state in self.book.services.items():
            if stream != page.entry.stream and is_free(state):
                said = self.evidence.starved(state.plan.service, page.at, self._last_page[stream].at)
                self._complain("L4", None if said is None else f"{stream} starves: {said}")

    def _judge(self, page: Page, before: ServiceRollout | None) -> None:
        stream, fact = page.entry.stream, page.entry.fact
        match fact:
            case event.Admitted():
                for rule, said in admitted_against(self.book, page):
                    self.broken(rule, said)
            case event.Observed(finding=event.Finding.SETTLED | event.Finding.RESTORED as finding):
                looks = self.evidence.looks[self._service(stream)]
                if looks <= 1:
                    self.broken("looks", f"{stream} is {finding} after {looks} looks")
                self._gates.settled(self.book.services[stream], page.entry.now.t)
            case event.Observed(finding=event.Finding.OVERDUE) | event.GateFailed():
                self._judge_evidence(page)
            case event.GatePassed() | event.Baked():
                self._judge_evidence(page)
                self._judge_pass(page, fact, before)
            case event.TakenOver(detail=detail) if self._service(stream) not in self.truth.strangers:
                self.broken("foreign", f"{stream} was taken over, and nobody else was there: {detail}")
            case event.HeldOnFailure(reason=reason) | event.Escalated(reason=reason) if not reason:
                self.broken("E1", f"{stream} waits for a person without a reason")
            case event.Closed():
                self._judge_ending(stream, fact)
            case _:
                pass

    def _judge_evidence(self, page: Page) -> None:
        stream, fact = page.entry.stream, page.entry.fact
        age_s = self.evidence.too_old(self._service(stream), page)
        if age_s is not None:
            self.broken("evidence", f"{stream}: {type(fact).__name__} with evidence {age_s:.0f} s old")

    def _judge_pass(self, page: Page, fact: event.GatePassed | event.Baked, before: ServiceRollout | None) -> None:
        """S2, first half: a gate opens, or a bake is over, only for what was well for as long as the policy wants."""
        state = self.book.services[page.entry.stream]
        self.truth.fabric.now()
        if before is None or state.plan.service in self.truth.strangers:
            return
        if isinstance(fact, event.Baked):
            self._complain("bake", self._gates.baked(before, before.phase, page.entry.now.t))
        else:
            running = self.book.marks_of(page.entry.stream).running
            self._complain("S2", self._gates.opened(state, fact.domain, page, running))

    def _complain(self, invariant: str, said: str | None) -> None:
        if said is not None:
            self.broken(invariant, said)

    def _judge_ending(self, stream: StreamName, closed: event.Closed) -> None:
        if not (closed.who and closed.reason):
            self.broken("E1", f"{stream} ended without an actor or a reason")
        state = self.book.services[stream]
        if state.plan.service in self.truth.strangers:
            return
        self.truth.fabric.now()
        last = self._last_page.get(stream)
        known_at = self.time() if last is None else last.tried_at
        lie = false_ending(self.truth, state, self.book.marks_of(stream), closed.outcome, known_at)
        if lie is not None:
            self.broken(*lie)
        if closed.outcome is Outcome.SUCCEEDED:
            self._complain("bake", self._gates.unbaked(state, None))

    # --- calls ---

    def sent(self, key: str, operation: Operation) -> None:
        """Judge a call at the moment its first byte leaves."""
        self.read()
        self.sends += 1
        self._sent_at[key] = self.time()
        stream = stream_of(key)
        self._newest[stream] = max(self._newest.get(stream, 0), number_of(key))
        for rule, said in sent_against(self.book, key, operation):
            self.broken(rule, said)
        back = key in self.book.back
        self._complain("S11", self._budgets.sent(key, stream, operation, self.time(), back=back))

    def answered(self, key: str, operation: Operation, outcome: Answer) -> None:
        """Hear what the platform said to a call, as the engine hears it."""
        back = key in self.book.back
        said = self._budgets.answered(stream_of(key), operation, outcome, self.time(), back=back)
        self._complain("S11", said)

    @contextlib.contextmanager
    def asking(self, service: ServiceName) -> Iterator[Callable[[T], T]]:
        """Judge a question that is in flight within the block; what is given hears its answer and hands it back."""
        answers: list[object] = []

        def hear(answer: T) -> T:
            answers.append(answer)
            return answer

        self._complain("S11", self._budgets.asked(service, self.time()))
        try:
            yield hear
        finally:
            self._budgets.told(service, self.time(), answers[0] if answers else None)

    def died(self) -> None:
        """Forget what only the dead process had heard."""
        self._budgets.died()

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
        intent, stream = self.book.intents.get(key), stream_of(key)
        if intent is None:
            self.broken("S9", f"{what} took effect, and its intent {key} is not on disk")
        if verb_of(intent.operation) != (entry.verb, entry.domain):
            self.broken("S9", f"{what} took effect, and its intent says {describe(intent.operation)}")
        back = key in self.book.back
        self._judge_once(stream, entry, key, what, back=back)
        state = self.book.services[stream]
        self._active[stream] = None
        self._judge_owner(stream, entry, key, what)
        if entry.verb is Verb.ROLLBACK:
            self.truth.turned[entry.service] = entry.at
        if entry.verb is Verb.CREATE:
            self.truth.staged[entry.service] = entry.deployment
        if not back and state.plan.service not in self.truth.strangers:
            self._judge_forward(state, intent.operation, key)
        if (mark := self.book.mark_of.get(key)) is not None:
            self.book.marks_of(stream).running = mark
        self.moved()

    def _judge_once(self, stream: StreamName, entry: LogEntry, key: str, what: str, *, back: bool) -> None:
        state = self.book.services[stream]
        step = (stream, back, entry.verb, entry.domain)
        if key in self._effective or step in self._done:
            self.broken("S4", f"{what} took effect twice")
        if state.ended is not None:
            self.broken("S5", f"{what} took effect after {stream} had ended as {state.ended.outcome}")
        if number_of(key) < self._newest.get(stream, 0):
            self.broken("S12", f"{what} took effect by call {key} after call {self._newest[stream]} had been sent")
        if not back and stream in self._turned:
            self.broken("S3b", f"{what} took effect after the way back had begun")
        self._effective.add(key)
        self._done.add(step)
        if back:
            self._turned.add(stream)

    def _judge_owner(self, stream: StreamName, entry: LogEntry, key: str, what: str) -> None:
        """S10: we go on with nobody's update but our own, and begin none over another."""
        came = self.truth.strangers.get(entry.service)
        if came is not None and came > self._sent_at.get(key, 0.0) - STRANGER_GRACE_S:
            return
        said = not_ours(self.truth, self.book.services[stream].plan, self.book.marks_of(stream), entry)
        self._complain("S10", None if said is None else f"{what} {said}")

    def _judge_forward(self, state: ServiceRollout, operation: Operation, key: str) -> None:
        """S2, second half: what was changed before has passed its gate and is still well."""
        sent_at, running = self._sent_at.get(key, self.time()), self.book.marks_of(state.stream).running
        match operation:
            case Walk(domain=domain):
                self._complain("S2", self._gates.walked(state, domain, sent_at, running))
                self._complain("bake", self._gates.unbaked(state, domain))
            case SwapSlots():
                self._complain("S2", self._gates.swapped(state, sent_at, running))
                self._complain("barrier", swapped_too_early(self.book, state))
            case _:
                pass

    def moved(self) -> None:
        """Judge who is down, after anything happened to the fleet."""
        domains = instances = 0
        for stream in list(self._active):
            plan = self.book.services[stream].plan
            deployment = self.truth.subject(plan)
            if deployment is None:
                continue
            ours = self.truth.down_through_us(plan, deployment)
            if len(ours) > 1 and plan.service not in self.truth.strangers:
                self.broken("S1", f"domains {sorted(ours)} of {plan.service} are down at once")
            down = self.truth.down(deployment)
            domains += len({each.domain for each in down})
            instances += len(down)
            if not down and deployment.change is None and deployment.lock is None:
                del self._active[stream]
        self.peaks.count_down(domains, instances, self.time())

    def _service(self, stream: StreamName) -> ServiceName:
        return self.book.services[stream].plan.service
