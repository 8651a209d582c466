"""What tells the checker: thin layers around wire, platform and agenda that change nothing they pass on."""

import contextvars
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from rollout.core.names import ServiceName, Target
from rollout.core.operation import Operation
from rollout.core.outcome import Handle, Outcome, Progress, Unknown, Unreachable
from rollout.core.prepare import Order, Preparation
from rollout.core.snapshot import Observation
from rollout.emulator.agenda import Agenda
from rollout.platforms.platform import Capabilities, Platform, Ticket
from rollout.simulation.checker import Checker
from rollout.simulation.sender import in_the_name_of
from rollout.simulation.weather import OPERATION, Weather
from rollout.simulation.wire import Wire

T = TypeVar("T")

YOUNG_S = 40.0
"""How long an operation's id may be unknown after it was given; the engine waits for a minute."""


@dataclass(slots=True)
class Post:
    """Whose call has a connection in hand: written by the ticket, read by the wire in the same turn of the loop."""

    sending: str | None = None

    def taken(self) -> str | None:
        """Give it, once."""
        key, self.sending = self.sending, None
        return key


@dataclass(frozen=True, slots=True)
class WatchedTicket:
    """A ticket that tells when its call is sent."""

    ticket: Ticket
    operation: Operation
    checker: Checker
    post: Post

    @property
    def key(self) -> str:
        """The ticket's own."""
        return self.ticket.key

    @property
    def timeout_s(self) -> float:
        """The ticket's own."""
        return self.ticket.timeout_s

    def still_wanted(self) -> bool:
        """Ask the ticket; a yes is the moment of sending."""
        wanted = self.ticket.still_wanted()
        if wanted:
            self.post.sending = self.key
            self.checker.sent(self.key, self.operation)
        return wanted


class WatchedPlatform:
    """A platform that tells of every answer; ids of operations may be unknown to it, as the weather has it."""

    def __init__(
        self, platform: Platform, checker: Checker, weather: Weather, post: Post, time: Callable[[], float]
    ) -> None:
        """`time` gives seconds of the world."""
        self._platform = platform
        self._checker = checker
        self._weather = weather
        self._post = post
        self._time = time
        self._ids: dict[str, tuple[float, str | None]] = {}

    @property
    def capabilities(self) -> Capabilities:
        """The platform's own."""
        return self._platform.capabilities

    def write_scope(self, target: Target) -> str:
        """Name the platform's own scope."""
        return self._platform.write_scope(target)

    async def observe(self, target: Target) -> Observation:
        """Look."""
        with self._checker.asking(target.service) as hear:
            seen = hear(await self._platform.observe(target))
        if not isinstance(seen, Unreachable):
            self._checker.evidence.answered(target.service, self._time(), look=True)
        return seen

    async def poll(self, handle: Handle) -> Progress:
        """Ask about an operation that may not be visible yet, or not any more."""
        with self._checker.asking(self._service(handle)) as hear:
            progress = hear(await self._platform.poll(handle))
        if not isinstance(progress, Unreachable):
            self._checker.evidence.answered(self._service(handle), self._time(), look=False)
            if self._unknown(handle.id):
                return Unknown("the operation is not known")
        return progress

    async def submit(self, target: Target, operation: Operation, ticket: Ticket) -> Outcome:
        """Call."""
        watched = WatchedTicket(ticket, operation, self._checker, self._post)
        outcome = await self._platform.submit(target, operation, watched)
        self._checker.answered(ticket.key, operation, outcome)
        return outcome

    async def prepare(self, order: Order) -> Preparation:
        """Hand the order on: it touches nothing."""
        return await self._platform.prepare(order)

    async def close(self) -> None:
        """Close the platform."""
        await self._platform.close()

    def _service(self, handle: Handle) -> ServiceName:
        followed = self._checker.truth.fabric.world.operations.get(handle.id)
        return ServiceName("" if followed is None else followed.service)

    def _unknown(self, operation_id: str) -> bool:
        now = self._time()
        if now >= self._weather.calm_at:
            return False
        if operation_id not in self._ids:
            self._ids[operation_id] = (now, self._weather.strike(OPERATION, "id", operation_id))
        asked_at, fate = self._ids[operation_id]
        return fate == "id_forgotten" or (fate == "id_young" and now < asked_at + YOUNG_S)


class WatchedWire:
    """A wire that tells whose call arrives at the service, however late."""

    def __init__(self, wire: Wire, post: Post) -> None:
        self._wire = wire
        self._post = post

    async def reach(self, service: str, operation: Operation | None) -> None:
        """Get a connection."""
        await self._wire.reach(service, operation)

    async def exchange(self, service: str, operation: Operation | None, deliver: Callable[[], T]) -> T:
        """Exchange, with the sender's name on the call."""
        if operation is None:
            return await self._wire.exchange(service, operation, deliver)
        key = self._post.taken()

        def tagged() -> T:
            with in_the_name_of(key):
                return deliver()

        return await self._wire.exchange(service, operation, tagged)


class WatchedAgenda(Agenda):
    """An agenda after whose every event the checker looks who is down.

    An event is the doing of whoever planned it, not of whose call lets it happen.
    """

    def __init__(self, moved: Callable[[], None]) -> None:
        super().__init__()
        self._moved = moved

    def plan(self, after_s: float, act: Callable[[], None]) -> None:
        """Let `act` happen, and be looked at."""
        context = contextvars.copy_context()

        def seen() -> None:
            context.run(act)
            self._moved()

        super().plan(after_s, seen)
