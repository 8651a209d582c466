"""A network in memory: it joins a client's protocol and the service's by pipes, and lets bytes through as a model says.

It belongs to the world: bytes under way arrive at their time, whether or not their sender still lives.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, Final, Protocol

import msgspec

from rollout.simulation.host import At, Host
from rollout.simulation.pipe import End
from rollout.simulation.wire import CROSSING_S_MAX, CROSSING_S_MIN

SENDER_HEADER: Final = "x-rehearsed-sender"
"""Names the call's ticket to the checker. Only this network writes it."""

_REQUEST: Final = re.compile(rb"([A-Z]+) (\S+) HTTP/1\.1\r\n")
_ANSWER: Final = b"HTTP/"
_SERVICE: Final = re.compile(r"/hostedservices/([^/?]+)")
_COMPONENT: Final = re.compile(r"[?&]comp=(\w+)")
_READS: Final = frozenset({"GET", "HEAD"})
_FIRST_PORT: Final = 40_000


class Verdict(StrEnum):
    """What becomes of one write."""

    DELIVER = "deliver"
    VANISH = "vanish"
    """Neither it nor anything behind it arrives."""
    RESET = "reset"
    """It does not arrive; both ends lose the connection."""
    DELIVER_THEN_RESET = "deliver then reset"
    DELIVER_INTO_SILENCE = "deliver into silence"
    """It arrives, and nothing comes back."""
    HALF_THEN_RESET = "half then reset"


class Crossing(msgspec.Struct, frozen=True):
    """One write's fate: when it arrives, counted from now, and how."""

    delay_s: float = 0.0
    verdict: Verdict = Verdict.DELIVER


class About(msgspec.Struct, frozen=True):
    """What a connection is asked for: enough to draw its fate by, and to say who died in it."""

    method: str
    service: str
    what: str

    @property
    def mutates(self) -> bool:
        """Tell whether it may change something."""
        return self.method not in _READS

    def __str__(self) -> str:
        return f"{self.what} {self.service}".rstrip()


class NetworkModel(Protocol):
    """Decides what becomes of connections and writes."""

    async def reach(self, about: About) -> None:
        """Let a connection be made, or raise ConnectionError; it may take for ever."""
        ...

    def request(self, about: About) -> Crossing:
        """Give a request's fate; what is written behind it shares it."""
        ...

    def answer(self, about: About) -> Crossing:
        """Give an answer's fate."""
        ...


class Caller(Protocol):
    """The process that holds the near ends, and can die in the middle of a write."""

    @property
    def killed(self) -> bool:
        """Whether it has died."""
        ...

    def passes(self, about: str, at_death: Callable[[], object] | None = None) -> bool:
        """Pass a moment; False = it dies here."""
        ...


@dataclass(slots=True)
class Pipe:
    """One connection: the caller's end, the service's, and what it is used for just now."""

    caller: Caller
    near: End = field(init=False)
    far: End = field(init=False)
    about: About
    there: Crossing = field(default_factory=Crossing)
    back: Crossing = field(default_factory=Crossing)
    silent: set[str] = field(default_factory=set)
    """The directions in which nothing arrives any more."""


class Network:
    """Carries for every life of a world. `server` makes the service's protocol for a new connection."""

    def __init__(
        self,
        host: Host,
        server: Callable[[], asyncio.BaseProtocol],
        model: NetworkModel,
        *,
        time: Callable[[], float],
        at: At,
        late_s: float,
        sender: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`sender` gives, once, the key of the call that is about to be written; `late_s` is how late one may come."""
        self._host = host
        self._server = server
        self._model = model
        self._time = time
        self._at = at
        self._late_s = late_s
        self._sender = sender
        self._pipes: dict[End, Pipe] = {}
        self._made = 0

    async def connect(
        self,
        caller: Caller,
        factory: Callable[[], asyncio.BaseProtocol],
        address: tuple[str, int],
        about: About,
    ) -> tuple[asyncio.Transport, Any]:
        """Connect as `loop.create_connection` does. Raises ConnectionError."""
        if about.mutates and not caller.passes(f"not yet sent: {about}"):
            await asyncio.get_running_loop().create_future()
        await self._model.reach(about)
        self._made += 1
        pipe = Pipe(caller, about)
        pipe.near = near = End(asyncio.get_running_loop(), partial(_step, caller), self, address)
        pipe.far = far = End(self._host.loop, self._host.enter, self, ("127.0.0.1", _FIRST_PORT + self._made))
        near.peer, far.peer = far, near
        self._pipes[near] = self._pipes[far] = pipe
        self._send(near, self._time(), lambda: far.make(self._server()))
        near.make(factory())
        return near, near.protocol

    def over(self, caller: Caller) -> None:
        """Let the connections of a process end with it, as the kernel does; what is under way still arrives first."""
        for end, pipe in list(self._pipes.items()):
            if end.is_closing():
                del self._pipes[end]
            elif pipe.caller is caller and end is pipe.near:
                end.forget()
                self.hang_up(end, reset=True)

    # --- what ends ask of their carrier ---

    def carry(self, end: End, data: bytes) -> None:
        """Take a write."""
        pipe = self._pipes[end]
        if end is pipe.near:
            self._carry_there(pipe, data)
        else:
            self._carry_back(pipe, data)

    def hang_up(self, end: End, *, reset: bool) -> None:
        """Take a goodbye; where bytes vanish, it vanishes too."""
        pipe = self._pipes.pop(end)
        direction, crossing = ("there", pipe.there) if end is pipe.near else ("back", pipe.back)
        if direction in pipe.silent:
            return
        peer = end.peer
        self._send(end, self._time() + crossing.delay_s, peer.lose if reset else peer.part)

    def _carry_there(self, pipe: Pipe, data: bytes) -> None:
        if (begun := _REQUEST.match(data)) is not None:
            pipe.about = about_of(begun[1].decode(), begun[2].decode())
            key = self._sender()
            if key is not None:
                data = data[: begun.end()] + f"{SENDER_HEADER}: {key}\r\n".encode() + data[begun.end() :]
            if pipe.about.mutates and not self._leaves(pipe, data):
                return
            pipe.there = self._model.request(pipe.about)
        self._cross(pipe, pipe.near, data, pipe.there)

    def _leaves(self, pipe: Pipe, data: bytes) -> bool:
        """Let the caller die with half a request written, or with a whole one that arrives much later."""
        near, now, half = pipe.near, self._time(), data[: len(data) // 2]
        return pipe.caller.passes(
            f"half sent: {pipe.about}", lambda: self._send(near, now, partial(pipe.far.arrive, half))
        ) and pipe.caller.passes(
            f"in flight: {pipe.about}", lambda: self._send(near, now + self._late_s, partial(pipe.far.arrive, data))
        )

    def _carry_back(self, pipe: Pipe, data: bytes) -> None:
        if data.startswith(_ANSWER):
            pipe.back = self._model.answer(pipe.about)
        self._cross(pipe, pipe.far, data, pipe.back)

    # --- how bytes cross ---

    def _cross(self, pipe: Pipe, end: End, data: bytes, crossing: Crossing) -> None:
        direction = "there" if end is pipe.near else "back"
        if direction in pipe.silent:
            return
        when = self._time() + crossing.delay_s
        match crossing.verdict:
            case Verdict.DELIVER:
                self._deliver(pipe, end, when, data)
            case Verdict.VANISH:
                pipe.silent.add(direction)
            case Verdict.RESET:
                self._reset(pipe, when)
            case Verdict.DELIVER_THEN_RESET:
                self._deliver(pipe, end, when, data)
                self._reset(pipe, when)
            case Verdict.DELIVER_INTO_SILENCE:
                self._deliver(pipe, end, when, data)
                pipe.silent.add("back")
            case Verdict.HALF_THEN_RESET:
                self._send(end, when, partial(end.peer.arrive, data[: len(data) // 2]))
                self._reset(pipe, when)

    def _deliver(self, pipe: Pipe, end: End, when: float, data: bytes) -> None:
        """Let bytes arrive; of an answer to a change, the caller may die having read the first half."""
        if end is pipe.far and pipe.about.mutates:
            half = len(data) // 2
            self._send(end, when, lambda: self._arrive_halved(pipe, data[:half], data[half:]))
        else:
            self._send(end, when, partial(end.peer.arrive, data))

    def _arrive_halved(self, pipe: Pipe, first: bytes, rest: bytes) -> None:
        pipe.near.arrive(first)
        if pipe.near.is_closing() or pipe.caller.passes(f"half answered: {pipe.about}"):
            pipe.near.arrive(rest)

    def _reset(self, pipe: Pipe, when: float) -> None:
        pipe.silent |= {"there", "back"}
        self._send(pipe.near, when, pipe.far.lose)
        self._send(pipe.far, when, pipe.near.lose)

    def _send(self, end: End, when: float, step: Callable[[], object]) -> None:
        """Let a step be taken at the other end, never before one that was sent earlier."""
        end.not_before = when = max(when, end.not_before)
        self._at(when, partial(end.peer.enter, step))


def about_of(method: str, path: str) -> About:
    """Read what a request is about from its first line."""
    service, component = _SERVICE.search(path), _COMPONENT.search(path)
    return About(method, service[1] if service else "", component[1] if component else method.lower())


def _step(caller: Caller, step: Callable[[], object]) -> None:
    """Let something reach a client: at once, if it lives."""
    if not caller.killed:
        step()


class SteadyNetwork:
    """Loses nothing. Each crossing takes a drawn time between two bounds, in seconds of the world."""

    def __init__(
        self, draw: Callable[[], float], low_s: float = CROSSING_S_MIN, high_s: float = CROSSING_S_MAX
    ) -> None:
        """`draw` gives numbers from [0, 1)."""
        self._draw = draw
        self._low_s = low_s
        self._high_s = high_s

    async def reach(self, about: About) -> None:  # noqa: ARG002 - all services are as near
        """Cross once."""
        await asyncio.sleep(self._crossing_s())

    def request(self, about: About) -> Crossing:  # noqa: ARG002 - as above
        """Cross once."""
        return Crossing(self._crossing_s())

    def answer(self, about: About) -> Crossing:  # noqa: ARG002 - as above
        """Cross once."""
        return Crossing(self._crossing_s())

    def _crossing_s(self) -> float:
        return self._low_s + self._draw() * (self._high_s - self._low_s)
