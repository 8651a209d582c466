"""The world of the fabric: its services, its agenda, its operations, its log and the chance it draws from."""

from collections.abc import Callable
from dataclasses import dataclass, field

from rollout.emulator.agenda import Agenda
from rollout.emulator.durations import Durations, Recorded
from rollout.emulator.fabric_state import Deployment, LogEntry, Operation, Service
from rollout.emulator.faults import Effect, Faults
from rollout.emulator.knobs import Knobs
from rollout.emulator.refusals import Refusal, internal_error
from rollout.platforms.classic.vocabulary import Verb


@dataclass(slots=True)
class World:
    """Everything that is true, and how it goes on. All times are seconds of the emulated service since its start."""

    knobs: Knobs
    durations: Durations
    faults: Faults = field(default_factory=Faults)
    agenda: Agenda = field(default_factory=Agenda)
    services: dict[str, Service] = field(default_factory=dict)
    """By lower-case name."""
    operations: dict[str, Operation] = field(default_factory=dict)
    log: list[LogEntry] = field(default_factory=list)
    """Kept whole: it is the truth that tests judge by."""
    on_effect: Callable[[LogEntry], None] | None = None
    """Called at the moment of each effect, before anyone hears of it."""

    @property
    def now(self) -> float:
        """The present, or inside an event its own date."""
        return self.agenda.now

    def start(self, deployment: Deployment, verb: Verb, request_id: str) -> Operation:
        """Register the operation of an accepted request."""
        operation = Operation(request_id, verb, deployment.service, self.now)
        self.operations[request_id] = operation
        return operation

    def record(self, deployment: Deployment, operation: Operation, domain: int | None = None, label: str = "") -> None:
        """Log an effective change."""
        change = deployment.change
        entry = LogEntry(
            n=len(self.log),
            at=self.now,
            service=deployment.service,
            deployment=deployment.name,
            slot=deployment.slot.lower(),
            verb=operation.verb,
            domain=domain,
            label=label or (change.new.label if change else deployment.shown.label),
            request_id=operation.id,
        )
        self.log.append(entry)
        if self.on_effect is not None:
            self.on_effect(entry)

    def draw(self, recorded: Recorded, deployment: Deployment, verb: str, domain: int | None = None) -> float:
        """Draw a duration; the two slots of a service draw apart, so that their order does not matter."""
        return self.durations.draw(recorded, f"{deployment.service}/{deployment.slot}", verb, domain)

    def failure(self, deployment: Deployment, verb: Verb, domain: int | None = None) -> tuple[float, Refusal] | None:
        """Say whether this piece of work is to fail, when and with what."""
        fault = self.faults.take({Effect.FAIL}, deployment.service, verb, domain)
        if fault is None:
            return None
        return self.draw(Recorded.FAILURE, deployment, f"{verb} failure", domain), internal_error()

    def delay(self, deployment: Deployment, verb: Verb, domain: int | None = None) -> float:
        """Say how much longer a fault makes this piece of work."""
        fault = self.faults.take({Effect.SLOW}, deployment.service, verb, domain)
        return fault.seconds or 0.0 if fault else 0.0
