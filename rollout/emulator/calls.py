"""One call to the service: what a handler is given, and what it gives back."""

from dataclasses import dataclass

from rollout.emulator import refusals
from rollout.emulator.fabric import Fabric, Target
from rollout.emulator.faults import CALL_EFFECTS, Effect
from rollout.emulator.read_elements import Reader
from rollout.emulator.request_ids import RequestIds
from rollout.platforms.classic.vocabulary import Slot


class Dropped(Exception):
    """The connection ends without an answer, and nothing happened."""


class Redirected(Exception):
    """The caller is sent to another name of this host, and nothing happened."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body; an empty body has no content type."""

    status: int
    body: bytes = b""


@dataclass(slots=True)
class Call:
    """A request whose path, version and query were understood, with its body still bytes."""

    fabric: Fabric
    ids: RequestIds
    request_id: str
    version: str
    names: dict[str, str]
    """What the path names: service, slot or deployment, operation."""
    body: bytes
    lose_answer: bool = False

    @property
    def reader(self) -> Reader:
        """How to read the body."""
        return Reader(self.fabric.knobs, self.version)

    @property
    def target(self) -> Target:
        """The deployment the path names. Raises Refusal for a slot there is not."""
        if "deployment" in self.names:
            return Target(self.names["service"], name=self.names["deployment"])
        for slot in Slot:
            if slot.lower() == self.names["slot"].lower():
                return Target(self.names["service"], slot=slot)
        raise refusals.bad_request("The deployment slot is production or staging.")

    def meet_fault(self, verb: str, domain: int | None = None) -> None:
        """Let the next fault meant for this call happen; the body has been understood, nothing has been done."""
        self.fabric.now()
        service = self.names.get("service", "")
        fault = self.fabric.world.faults.take(CALL_EFFECTS, service, verb, domain)
        match fault.effect if fault else None:
            case Effect.LOSE_BEFORE:
                raise Dropped
            case Effect.REDIRECT:
                raise Redirected
            case Effect.CONFLICT:
                raise self.fabric.lock_text(self.target, stranger=self.ids.next())
            case Effect.INTERNAL_ERROR:
                raise refusals.internal_error()
            case Effect.THROTTLED:
                raise refusals.too_many_requests()
            case Effect.LOSE_AFTER:
                self.lose_answer = True
            case _:
                return
