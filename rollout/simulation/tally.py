"""What many rehearsed seeds come to: counts, durations, and the seed that shows each worst case."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from rollout.core import change_event, event, fleet_event, sight_event
from rollout.core.event import Entry, Evidence, Verdict
from rollout.core.operation import RollBack, SetStatus, SwapSlots, Walk
from rollout.core.phase import Queued
from rollout.simulation.book import Book
from rollout.simulation.play import Played
from rollout.simulation.violation import Violation

P95: Final = 0.95


@dataclass(frozen=True, slots=True)
class Worst:
    """The largest value seen, and the seed that shows it."""

    value: float = 0.0
    seed: int = -1

    def or_more(self, value: float, seed: int) -> "Worst":
        """Give the larger one; the first seed to reach it stays."""
        return Worst(value, seed) if self.seed < 0 or value > self.value else self


@dataclass(slots=True)
class Spread:
    """Durations of one kind, in seconds."""

    values: list[float] = field(default_factory=list)
    longest: Worst = field(default_factory=Worst)

    def add(self, value: float, seed: int) -> None:
        """Count one."""
        self.values.append(value)
        self.longest = self.longest.or_more(value, seed)

    def at(self, quantile: float) -> float:
        """Give the value that so large a part stays within; 0 with none."""
        ordered = sorted(self.values)
        return ordered[min(int(quantile * len(ordered)), len(ordered) - 1)] if ordered else 0.0


@dataclass(slots=True)
class Tally:
    """Counts over seeds. Runs that broke a promise are counted as such and tell nothing else."""

    seeds: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    """How rollouts ended."""
    endings: Counter[str] = field(default_factory=Counter)
    """How services ended, or what they wait for."""
    used: Counter[str] = field(default_factory=Counter)
    """How often each gate, hold and way back was used."""
    asked: dict[str, Counter[Verdict]] = field(default_factory=dict)
    """How often each check was recorded with each verdict."""
    first_used: dict[str, int] = field(default_factory=dict)
    """The first seed that used each."""
    rollout: Spread = field(default_factory=Spread)
    service: Spread = field(default_factory=Spread)
    domain: Spread = field(default_factory=Spread)
    """From the walk's intent to its gate's pass."""
    approval: Spread = field(default_factory=Spread)
    """From the question to a person's yes."""
    domains_down: Worst = field(default_factory=Worst)
    instances_down: Worst = field(default_factory=Worst)
    broken: Worst = field(default_factory=Worst)
    """Services that had failed and not ended, at once."""
    failed: Worst = field(default_factory=Worst)
    """Services that failed in one rollout."""
    shown: dict[str, int] = field(default_factory=dict)
    """Outcome -> the first seed that ended so."""
    hits: Counter[str] = field(default_factory=Counter)
    deaths: int = 0
    sends: int = 0
    steps: int = 0
    virtual_s: float = 0.0
    violations: list[Violation] = field(default_factory=list)

    def add(self, played: Played) -> None:
        """Count one seed."""
        self.seeds += 1
        self.hits += Counter({str(fault): times for fault, times in played.hits.items()})
        self.deaths += len(played.deaths)
        self.sends += played.sends
        self.steps += played.steps
        self.virtual_s += played.took_s
        if played.violation is not None:
            self.violations.append(played.violation)
        if played.result is None or played.book is None:
            return
        seed, outcome = played.seed, played.result.outcome
        self.outcomes[outcome] += 1
        self.shown.setdefault(outcome, seed)
        self.rollout.add(played.took_s, seed)
        self.domains_down = self.domains_down.or_more(played.peaks.domains, seed)
        self.instances_down = self.instances_down.or_more(played.peaks.instances, seed)
        self.broken = self.broken.or_more(played.peaks.broken, seed)
        self._read(played.book, seed)

    def _read(self, book: Book, seed: int) -> None:
        failed = 0
        for state in book.services.values():
            phase = type(state.phase)
            waits = "not started" if phase is Queued else f"waits for a person ({_WAITS.get(phase.__name__, 'held')})"
            self.endings[waits if state.ended is None else state.ended.outcome.value] += 1
            failed += state.failure is not None
        self.failed = self.failed.or_more(failed, seed)
        self._time(book, seed)
        for said in _evidence(page.entry for page in book.pages):
            self.asked.setdefault(said.check, Counter())[said.verdict] += 1
        for use in _uses(page.entry for page in book.pages):
            self.used[use] += 1
            self.first_used.setdefault(use, seed)

    def _time(self, book: Book, seed: int) -> None:
        admitted: dict[str, float] = {}
        walked: dict[tuple[str, int], float] = {}
        asked: dict[str, float] = {}
        for page in book.pages:
            stream = page.entry.stream
            match page.entry.fact:
                case event.Admitted():
                    admitted[stream] = page.at
                case event.Intended(operation=Walk(domain=domain)):
                    walked.setdefault((stream, domain), page.at)
                case event.GatePassed(domain=domain) if (stream, domain) in walked:
                    self.domain.add(page.at - walked[stream, domain], seed)
                case fleet_event.ApprovalAsked(scope=scope):
                    asked[scope] = page.at
                case fleet_event.Approved(scope=scope) if scope in asked:
                    self.approval.add(page.at - asked[scope], seed)
                case event.Closed() if stream in admitted:
                    self.service.add(page.at - admitted[stream], seed)
                case _:
                    pass


_WAITS: Final = {
    "HeldForPerson": "held on failure",
    "NeedsOperator": "needs an operator",
    "ForeignChange": "taken over",
}


def _evidence(entries: Iterable[Entry]) -> Iterable[Evidence]:
    """Give all that checks were recorded to have said."""
    for entry in entries:
        if isinstance(entry.fact, event.Probed | event.GatePassed | event.GateFailed | event.Baked):
            yield from entry.fact.evidence


def _uses(entries: Iterable[Entry]) -> Iterable[str]:  # noqa: C901, PLR0912 - the table of what is counted
    """Name each gate, hold and way back that a journal shows."""
    for entry in entries:
        match entry.fact:
            case event.GatePassed():
                yield "gate passed"
            case event.GateFailed():
                yield "gate failed"
            case event.Baked():
                yield "bake passed"
            case event.Probed(verdict=event.Verdict.UNKNOWN):
                yield "gate without evidence"
            case sight_event.Blinded():
                yield "limit waited for evidence"
            case event.Held(reason=reason):
                yield f"hold: {reason.value}"
            case event.Stopped():
                yield "stop"
            case event.Lost():
                yield "answer lost, then looked"
            case event.TurnedBack():
                yield "turned back"
            case event.Intended(operation=SwapSlots()):
                yield "swap asked for"
            case event.Intended(operation=SetStatus()):
                yield "status asked for"
            case change_event.RevertBegun():
                yield "revert begun"
            case change_event.BarrierOpened():
                yield "barrier opened"
            case event.Intended(operation=RollBack()):
                yield "rollback asked for"
            case event.Observed(finding=event.Finding.RESTORED):
                yield "rolled back, seen twice"
            case event.Observed(finding=event.Finding.NO_WAY_BACK):
                yield "no way back any more"
            case event.Observed(finding=event.Finding.OVERDUE):
                yield "step overdue"
            case event.HeldOnFailure():
                yield "held on failure"
            case event.Escalated():
                yield "needs an operator"
            case event.TakenOver():
                yield "taken over"
            case fleet_event.ApprovalAsked():
                yield "approval asked for"
            case fleet_event.Approved():
                yield "approved by a person"
            case fleet_event.Halted():
                yield "wave halted"
            case _:
                pass
