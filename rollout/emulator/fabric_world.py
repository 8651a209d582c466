"""The world of the fabric: its services, its agenda, its operations, its log and the chance it draws from."""

from collections.abc import Callable
from dataclasses import dataclass, field

from rollout.emulator.agenda import Agenda
from rollout.emulator.beside import Reboot, Visit
from rollout.emulator.durations import Durations, Recorded
from rollout.emulator.fabric_state import Deployment, LogEntry, Operation, Service
from rollout.emulator.faults import Effect, Faults
from rollout.emulator.knobs import Knobs
from rollout.emulator.refusals import Refusal, internal_error
from rollout.emulator.throttle import Throttle
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
    """What Get Operation Status follows: the asynchronous ones."""
    history: dict[str, Operation] = field(default_factory=dict)
    """Every accepted mutating request in its order, as listings show it."""
    packages: dict[str, bytes] = field(default_factory=dict)
    """What Get Package wrote, by its address: of a package the address it came from, of a configuration the text."""
    reboots: list[Reboot] = field(default_factory=list)
    """What List Deployment Events tells."""
    strangers: list[Visit] = field(default_factory=list)
    """What others did or tried to do."""
    throttle: Throttle = field(init=False)
    log: list[LogEntry] = field(default_factory=list)
    """Kept whole: it is the truth that tests judge by."""
    addresses: int = 40_000
    """The address key given last to a created deployment; those of the first fleet lie below."""
    on_effect: Callable[[LogEntry], None] | None = None
    """Called at the moment of each effect, before anyone hears of it."""

    def __post_init__(self) -> None:
        self.throttle = Throttle(self.knobs.throttle)

    @property
    def now(self) -> float:
        """The present, or inside an event its own date."""
        return self.agenda.now

    def start(self, deployment: Deployment, verb: Verb, request_id: str) -> Operation:
        """Register the operation of an accepted request."""
        return self._begin(
            Operation(
                request_id, verb, deployment.service, self.now, deployment=deployment.name, slot=deployment.slot.value
            )
        )

    def start_on(self, service: Service, verb: Verb, request_id: str) -> Operation:
        """Register the operation of an accepted request about a service."""
        return self._begin(Operation(request_id, verb, service.name, self.now))

    def done(self, service: Service, verb: Verb, request_id: str) -> Operation:
        """Register an accepted request about a service that has ended with its reply; only listings know it."""
        operation = Operation(request_id, verb, service.name, self.now)
        operation.succeed(self.now)
        self.history[request_id] = operation
        return operation

    def record(self, deployment: Deployment, operation: Operation, domain: int | None = None, label: str = "") -> None:
        """Log an effective change."""
        change = deployment.change
        shown = label or (change.new.label if change else deployment.shown.label)
        self._log(operation, deployment.name, deployment.slot.lower(), domain, shown)

    def record_on(self, service: Service, operation: Operation) -> None:
        """Log an effective change of a service itself: no deployment, no slot, the service's label."""
        self._log(operation, "", "", None, service.label)

    def _begin(self, operation: Operation) -> Operation:
        self.operations[operation.id] = self.history[operation.id] = operation
        return operation

    def _log(self, operation: Operation, deployment: str, slot: str, domain: int | None, label: str) -> None:
        entry = LogEntry(
            n=len(self.log),
            at=self.now,
            service=operation.service,
            deployment=deployment,
            slot=slot,
            verb=operation.verb,
            domain=domain,
            label=label,
            request_id=operation.id,
        )
        self.log.append(entry)
        if self.on_effect is not None:
            self.on_effect(entry)

    def draw_on(self, recorded: Recorded, service: Service, verb: str) -> float:
        """Draw a duration of work on a service itself."""
        return self.durations.draw(recorded, service.name, verb)

    def draw(self, recorded: Recorded, deployment: Deployment, verb: str, domain: int | None = None) -> float:
        """Draw a duration; the two slots of a service draw apart, so that their order does not matter."""
        return self.durations.draw(recorded, f"{deployment.service}/{deployment.slot}", verb, domain)

    def failure(self, deployment: Deployment, verb: Verb, domain: int | None = None) -> tuple[float, Refusal] | None:
        """Say whether this piece of work is to fail, when and with what."""
        fault = self.faults.take({Effect.FAIL}, deployment.service, verb, domain)
        if fault is None:
            return None
        return self.draw(Recorded.FAILURE, deployment, f"{verb} failure", domain), internal_error()

    def failure_on(self, service: Service, verb: Verb) -> tuple[float, Refusal] | None:
        """Say the same of work on a service itself."""
        fault = self.faults.take({Effect.FAIL}, service.name, verb, None)
        return None if fault is None else (self.draw_on(Recorded.FAILURE, service, f"{verb} failure"), internal_error())

    def delay(self, deployment: Deployment, verb: Verb, domain: int | None = None) -> float:
        """Say how much longer a fault makes this piece of work."""
        fault = self.faults.take({Effect.SLOW}, deployment.service, verb, domain)
        return fault.seconds or 0.0 if fault else 0.0
