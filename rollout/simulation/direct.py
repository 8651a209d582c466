"""The direct platform: the engine's calls straight on the emulator's fabric, without a byte in between.

Requests, faults and refusals mean what they mean over HTTP; only encoding, sockets and parsers are left out. So what a
simulation finds here is about order, crashes and policy, and it finds it fast.
"""

import asyncio
import re
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from rollout.core.names import Digest, Target
from rollout.core.operation import Operation
from rollout.core.outcome import (
    Accepted,
    Failed,
    Handle,
    Lost,
    Outcome,
    Progress,
    Refused,
    RefusedKind,
    Running,
    Succeeded,
    Unknown,
    Unreachable,
)
from rollout.core.prepare import Order, Preparation
from rollout.core.snapshot import Absent, Observation
from rollout.emulator.calls import Call, Dropped, Page, Redirected
from rollout.emulator.fabric import Fabric
from rollout.emulator.refusals import Refusal
from rollout.emulator.request_ids import RequestIds
from rollout.platforms.classic import encode
from rollout.platforms.classic.draw import draw
from rollout.platforms.classic.draw import payloads_of as orders_payloads
from rollout.platforms.classic.vocabulary import CLIENT_VERSION, ErrorCode, OperationStatus
from rollout.platforms.classic.xml import Unreadable
from rollout.platforms.platform import Capabilities, Payloads, RollbackSupport, Ticket, WalkOrder
from rollout.simulation.effects import Effect, effect_of, names_of
from rollout.simulation.sight import snapshot
from rollout.simulation.wire import Wire

T = TypeVar("T")

REQUEST_TIMEOUT_S: Final = 30.0
CAPABILITIES: Final = Capabilities(
    walk_order=WalkOrder.ASCENDING,
    begin_starts_first_domain=False,
    rollback=RollbackSupport.WHILE_IN_PROGRESS,
    suspend=True,
    swap=True,
)

_NOT_FOUND: Final = 404
_CLIENT_ERRORS: Final = range(400, 500)
_THROTTLES: Final = frozenset({ErrorCode.TOO_MANY_REQUESTS, ErrorCode.SERVER_BUSY})
_LOCKED: Final = "requires exclusive access"
_BLOCKING: Final = re.compile(r"x-ms-requestid ([0-9a-f]{32})\b")
_DROPPED: Final = "the connection was dropped before an answer"
_PAGE: Final = "HTTP 503 with a page of HTML"
_REDIRECTED: Final = "HTTP 307 to another host; redirects are not followed"


class DirectPlatform:
    """One caller of one fabric. `ids` belongs to the service and outlives its callers, as the fabric does."""

    def __init__(
        self,
        fabric: Fabric,
        payloads: Payloads,
        wire: Wire,
        ids: RequestIds,
        *,
        request_timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> None:
        """`request_timeout_s` bounds questions; a submit's ticket carries its own."""
        self._fabric = fabric
        self._payloads = payloads
        self._wire = wire
        self._ids = ids
        self._request_timeout_s = request_timeout_s

    @property
    def capabilities(self) -> Capabilities:
        """What the emulated service can do."""
        return CAPABILITIES

    def write_scope(self, target: Target) -> str:
        """Name the subscription."""
        return target.subscription

    async def submit(self, target: Target, operation: Operation, ticket: Ticket) -> Outcome:
        """Make one attempt, and ask the ticket right before it takes effect."""
        try:
            effect = effect_of(operation, await self._resolve(encode.payloads_of(operation)))
        except (Unreadable, Refusal) as error:
            return Refused(RefusedKind.REJECTED, str(error))
        sent = False
        try:
            async with asyncio.timeout(ticket.timeout_s):
                await self._wire.reach(target.service, operation)
                if not ticket.still_wanted():
                    return Refused(RefusedKind.NOT_SENT, "no longer wanted when the connection was ready")
                sent = True
                deliver = self._delivery(target, operation, effect)
                return await self._wire.exchange(target.service, operation, deliver)
        except TimeoutError:
            said = f"no answer within {ticket.timeout_s:g} s"
            return Lost(said) if sent else Refused(RefusedKind.NOT_SENT, said)
        except ConnectionError:
            return Lost(_DROPPED) if sent else Refused(RefusedKind.NOT_SENT, "the connection was refused")

    async def observe(self, target: Target) -> Observation:
        """Look at one deployment."""
        return await self._ask(target.service, lambda: self._look(target))

    async def poll(self, handle: Handle) -> Progress:
        """Ask how an accepted operation is doing."""
        followed = self._fabric.operation(handle.id)
        return await self._ask("" if followed is None else followed.service, lambda: self._progress(handle))

    async def prepare(self, order: Order) -> Preparation:
        """Make a configuration as the client does: it asks nobody."""
        return draw(order, await self._resolve(orders_payloads(order)))

    async def close(self) -> None:
        """Do nothing: there are no connections."""

    # --- calls that change something ---

    def _delivery(self, target: Target, operation: Operation, effect: Effect) -> Callable[[], Outcome]:
        """Give the call as it arrives at the service, at whatever time that is."""

        def deliver() -> Outcome:
            call = self._call(names_of(target, operation))
            try:
                effect(call)
            except Refusal as refusal:
                return Lost(_DROPPED) if call.lose_answer else _refused(refusal)
            except Redirected:
                return Refused(RefusedKind.REJECTED, _REDIRECTED)
            except Dropped:
                return Lost(_DROPPED)
            except Page:
                return Lost(_PAGE)
            return Lost(_DROPPED) if call.lose_answer else Accepted(Handle(target.subscription, call.request_id))

        return deliver

    # --- questions ---

    async def _ask(self, service: str, question: Callable[[], T]) -> T | Unreachable:
        """Bring one question over the wire; a fault of the service or a slow answer is no evidence."""
        try:
            async with asyncio.timeout(self._request_timeout_s):
                await self._wire.reach(service, None)
                return await self._wire.exchange(service, None, lambda: _answered(question))
        except ConnectionError:
            return Unreachable(_DROPPED)
        except TimeoutError:
            return Unreachable(f"no answer within {self._request_timeout_s:g} s")

    def _look(self, target: Target) -> Observation:
        call = self._call(names_of(target))
        call.meet_fault("get")
        try:
            found = self._fabric.deployment(call.target)
        except Refusal as refusal:
            if refusal.status == _NOT_FOUND and not call.lose_answer:
                return Absent(_said(refusal))
            raise
        if call.lose_answer:
            raise Dropped
        return snapshot(found, self._fabric.knobs, self._fabric.now())

    def _progress(self, handle: Handle) -> Progress:
        found = self._fabric.operation(handle.id)
        call = self._call({"service": found.service if found is not None else ""})
        call.meet_fault("poll")
        if call.lose_answer:
            raise Dropped
        if found is None:
            return Unknown("the operation is not known")
        match found.status:
            case OperationStatus.SUCCEEDED:
                return Succeeded()
            case OperationStatus.FAILED if found.error is not None:
                return Failed(found.error.code.value, found.error.message)
            case OperationStatus.FAILED:
                return Failed("Failed", "no error given")
            case OperationStatus.IN_PROGRESS:
                return Running()

    async def _resolve(self, digests: Iterable[Digest]) -> dict[Digest, bytes]:
        return {digest: await self._payloads.payload(digest) for digest in digests}

    def _call(self, names: dict[str, str]) -> Call:
        return Call(self._fabric, self._ids, self._ids.next(), CLIENT_VERSION, names, b"")


def _answered(question: Callable[[], T]) -> T | Unreachable:
    try:
        return question()
    except Refusal as refusal:
        return Unreachable(_said(refusal), throttled=refusal.code in _THROTTLES)
    except Redirected:
        return Unreachable(_REDIRECTED)
    except Dropped:
        return Unreachable(_DROPPED)
    except Page:
        return Unreachable(_PAGE)


def _refused(refusal: Refusal) -> Outcome:
    """Classify an Error as the client does: what does not prove that nothing happened is lost."""
    said = _said(refusal)
    if refusal.code in _THROTTLES:
        return Refused(RefusedKind.THROTTLED, said)
    if refusal.status not in _CLIENT_ERRORS:
        return Lost(said)
    if refusal.code is ErrorCode.CONFLICT and _LOCKED in refusal.message:
        named = _BLOCKING.search(refusal.message)
        return Refused(RefusedKind.BUSY, said, blocking=named[1] if named else None)
    return Refused(RefusedKind.REJECTED, said)


def _said(refusal: Refusal) -> str:
    return f"HTTP {refusal}"
