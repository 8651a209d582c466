"""What a platform is to the engine: look, ask, follow. The engine knows no platform by name."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Protocol, runtime_checkable

import msgspec

from rollout.core.names import Digest, Target
from rollout.core.operation import Operation
from rollout.core.outcome import Handle, Outcome, Progress, Unreachable
from rollout.core.prepare import Order, Preparation
from rollout.core.snapshot import Observation


class WalkOrder(StrEnum):
    """In which order domains may be walked."""

    ASCENDING = "ascending"


class RollbackSupport(StrEnum):
    """How a change is taken back."""

    WHILE_IN_PROGRESS = "while_in_progress"
    """A call of its own, gone once the last walk is accepted."""
    RE_APPLY = "re_apply"
    NONE = "none"


class Capabilities(msgspec.Struct, frozen=True):
    """What a platform can do, as data."""

    walk_order: WalkOrder
    begin_starts_first_domain: bool
    rollback: RollbackSupport
    suspend: bool
    swap: bool


class Payloads(Protocol):
    """Where a platform finds what operations name by digest."""

    async def payload(self, digest: Digest) -> bytes:
        """Give the bytes behind `digest`; an unknown one raises JournalDamaged."""
        ...


class Ticket(Protocol):
    """What a call carries besides its operation."""

    @property
    def key(self) -> str:
        """`<stream>/<number>`: for correlation in logs, and the simulation's tag."""
        ...

    @property
    def timeout_s(self) -> float:
        """How long the call may take in all. Past it the answer counts as lost."""
        ...

    def still_wanted(self) -> bool:
        """Be asked synchronously, with the connection in hand, before the first byte; False = do not send."""
        ...


class Platform(Protocol):
    """One kind of service to upgrade. Every method ends by itself and raises nothing the world can cause."""

    @property
    def capabilities(self) -> Capabilities:
        """What this platform can do."""
        ...

    def write_scope(self, target: Target) -> str:
        """Name the rate bucket the target's calls are counted in: a subscription, a cluster."""
        ...

    async def observe(self, target: Target) -> Observation:
        """Look at one deployment: by name where the target has one, else by slot."""
        ...

    async def submit(self, target: Target, operation: Operation, ticket: Ticket) -> Outcome:
        """Make exactly one attempt. A repeat is the engine's to decide, as a new intent."""
        ...

    async def poll(self, handle: Handle) -> Progress:
        """Ask how an accepted operation is doing."""
        ...

    async def prepare(self, order: Order) -> Preparation:
        """Make the configuration that a change will send; touches no deployment."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...


OnResult = Callable[[Sequence[int], Progress], None]
"""Hears an answer to a `PollMany`: the positions of the handles it is about among those given, and what was said."""


class PollMany(Protocol):
    """Asks about many operations of one scope, and returns at once."""

    def __call__(self, scope: str, handles: Sequence[Handle], on_result: OnResult) -> None:
        """Ask about each of `handles`, all of `scope`.

        `on_result` hears of each exactly once, in a later turn of the loop and in any order, of several that were
        answered alike perhaps together. An answer means what `poll` would have given; what cannot be had in time is
        Unreachable. It must not raise.
        """
        ...


@runtime_checkable
class PollsMany(Protocol):
    """A platform that can ask about many operations at once, without a task for each; else each one is polled."""

    @property
    def questions_max(self) -> int:
        """How many questions it has room for at once, all scopes together."""
        ...

    def polling(self) -> AbstractAsyncContextManager[PollMany]:
        """Give the way to ask for the time of a block. When it ends, what is not answered yet is never told.

        A mistake of the platform's own ends the block, in an ExceptionGroup.
        """
        ...


@runtime_checkable
class ListsRunning(Protocol):
    """A platform that can also list what is in progress; without it each operation is polled by itself."""

    def running(self, scope: str, since: float) -> AsyncIterator[frozenset[str] | Unreachable]:
        """Give the ids of the operations in progress in `scope` that began at `since` (POSIX seconds UTC) or later.

        One question for each page, asked when the page is awaited, so that who lists can pace itself. What is
        Unreachable ends the listing, and then it is not whole. A hint, never a proof: what is missing may have ended,
        may not be visible yet or may have slipped between two pages, and is polled by its handle.
        """
        ...


@runtime_checkable
class NamesStrangers(Protocol):
    """A platform that can say who else works on a deployment."""

    async def strangers(self, target: Target, since: float, ours: Collection[str]) -> str | None:
        """Say, for people, whose operations began at `since` (POSIX seconds UTC) or later; None = cannot be told.

        `ours` are the ids of our own operations.
        """
        ...
