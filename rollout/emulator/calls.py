"""One call to the service: what a handler is given, and what it gives back."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rollout.emulator import refusals
from rollout.emulator.fabric import Fabric, Target
from rollout.emulator.faults import AFTER_EFFECTS, CALL_EFFECTS, Effect, Fault
from rollout.emulator.fleet import SUBSCRIPTION
from rollout.emulator.read_elements import Reader
from rollout.emulator.request_ids import RequestIds
from rollout.platforms.classic.vocabulary import Slot


class Dropped(Exception):
    """The connection ends without an answer, and nothing happened."""


class Late(Dropped):
    """The connection ends without an answer, and the call arrives some seconds of the emulated service later."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__()


class Redirected(Exception):
    """The caller is sent to another name or port of this host, and nothing happened."""


class Page(Exception):
    """A gateway answers with a page of HTML, and nothing happened."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body; an empty body has no content type."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Call:
    """A request whose path, version and query were understood, with its body still bytes."""

    fabric: Fabric
    ids: RequestIds
    request_id: str
    version: str
    names: dict[str, str]
    """What the path names: service, slot or deployment, operation, instance, extension."""
    body: bytes
    lose_answer: bool = False
    """Whether the caller is not to learn what happened."""
    instead: Effect | None = None
    """How the answer is kept from the caller, where it is."""
    query: Mapping[str, str] = field(default_factory=dict)
    """The query's parameters, their names in lower case."""
    token: str | None = None
    """The continuation token of a listing's next page, from its header."""
    subscription: str = SUBSCRIPTION
    late: bool = False
    """Whether the call has met its faults on an earlier way here."""

    @property
    def reader(self) -> Reader:
        """How to read the body."""
        return Reader(self.fabric.knobs, self.version)

    @property
    def target(self) -> Target:
        """The deployment the path names. Raises Refusal for a slot there is not."""
        if "deployment" in self.names:
            return Target(self.names["service"], name=self.names["deployment"])
        return Target(self.names["service"], slot=self.slot)

    @property
    def slot(self) -> Slot:
        """The slot the path names. Raises Refusal for one there is not."""
        for slot in Slot:
            if slot.lower() == self.names["slot"].lower():
                return slot
        raise refusals.bad_request("The deployment slot is production or staging.")

    def meet_fault(self, verb: str, domain: int | None = None) -> None:
        """Let the next fault meant for this call happen; the body has been understood, nothing has been done."""
        if self.late:
            return
        now = self.fabric.now()
        if not self.fabric.world.throttle.passes(verb, now):
            raise refusals.too_many_requests()
        fault = self.fabric.world.faults.take(CALL_EFFECTS, self.names.get("service", ""), verb, domain)
        if fault is not None and fault.effect in AFTER_EFFECTS:
            self.lose_answer, self.instead = True, fault.effect
        elif fault is not None:
            raise self._met(fault)

    def meet_data_loss(self, verb: str, *, force: bool) -> None:
        """Let an update that would lose data be refused, unless it is forced; the fault waits for such a one."""
        if force or self.late:
            return
        fault = self.fabric.world.faults.take({Effect.DATA_LOSS}, self.names.get("service", ""), verb, None)
        if fault is not None:
            raise refusals.by_knob(
                self.fabric.knobs.force_refused, "The update would lose local data; it is applied with Force only."
            )

    def _met(self, fault: Fault) -> Exception:
        """Give what a fault that keeps the call from happening raises."""
        match fault.effect:
            case Effect.REDIRECT:
                return Redirected()
            case Effect.HTML_503:
                return Page()
            case Effect.LATE:
                return Late(fault.seconds or 0.0)
            case Effect.CONFLICT:
                return self._conflict()
            case Effect.INTERNAL_ERROR:
                return refusals.internal_error()
            case Effect.THROTTLED:
                return refusals.too_many_requests()
            case Effect.SERVER_BUSY:
                return refusals.server_busy()
            case Effect.TOKEN:
                return refusals.bad_token(self.fabric.knobs.token_failure)
            case _:
                return Dropped()

    def _conflict(self) -> Exception:
        stranger = self.ids.next()
        occupied = "slot" in self.names and self.slot in self.fabric.service(self.names["service"]).slots
        if occupied or "deployment" in self.names:
            return self.fabric.lock_text(self.target, stranger)
        return refusals.locked(stranger if self.fabric.knobs.conflict_text == "with_id" else None)
