"""The direct platform: the engine's calls straight on the emulator's fabric, without a byte in between.

Requests, faults and refusals mean what they mean over HTTP; only encoding, sockets and parsers are left out. So what a
simulation finds here is about order, crashes and policy, and it finds it fast.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Final, TypeVar

from rollout.core.names import Target
from rollout.core.operation import Operation, RollBack, RollbackMode, StartUpgrade, Walk
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
from rollout.core.snapshot import Absent, Observation
from rollout.emulator.calls import Call, Dropped, Page, Redirected
from rollout.emulator.fabric import Fabric
from rollout.emulator.fabric_state import Operation as Followed
from rollout.emulator.fabric_state import Release
from rollout.emulator.fabric_update import Begin
from rollout.emulator.read_configuration import role_counts
from rollout.emulator.refusals import Refusal, bad_request
from rollout.emulator.request_ids import RequestIds
from rollout.platforms.classic.configuration import with_instance_counts
from rollout.platforms.classic.vocabulary import (
    CLIENT_VERSION,
    LABEL_CHARACTERS_MAX,
    ErrorCode,
    Mode,
    OperationStatus,
    Verb,
)
from rollout.platforms.classic.xml import Unreadable
from rollout.platforms.platform import Capabilities, Payloads, RollbackSupport, Ticket, WalkOrder
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
_MODES: Final = {RollbackMode.AUTO: Mode.AUTO, RollbackMode.MANUAL: Mode.MANUAL}

Effect = Callable[[Call], Followed]


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
            effect = await self._effect(operation)
        except (Unreadable, Refusal) as error:
            return Refused(RefusedKind.REJECTED, str(error))
        sent = False
        try:
            async with asyncio.timeout(ticket.timeout_s):
                await self._wire.reach(target.service, operation)
                if not ticket.still_wanted():
                    return Refused(RefusedKind.NOT_SENT, "no longer wanted when the connection was ready")
                sent = True
                deliver = self._delivery(target, effect)
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

    async def close(self) -> None:
        """Do nothing: there are no connections."""

    # --- calls that change something ---

    def _delivery(self, target: Target, effect: Effect) -> Callable[[], Outcome]:
        """Give the call as it arrives at the service, at whatever time that is."""

        def deliver() -> Outcome:
            call = self._call(_names(target))
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

    async def _effect(self, operation: Operation) -> Effect:
        """Give what a call does once it has arrived. Raises Refusal or Unreadable for what can only be refused."""
        match operation:
            case StartUpgrade():
                request = await self._begin(operation)

                def upgrade(call: Call) -> Followed:
                    call.meet_fault(Verb.UPGRADE)
                    return call.fabric.begin(call.target, request, Verb.UPGRADE, call.request_id)

                return upgrade
            case Walk(domain=domain):

                def walk(call: Call) -> Followed:
                    call.meet_fault(Verb.WALK, domain)
                    return call.fabric.walk(call.target, domain, call.request_id)

                return walk
            case RollBack(mode=mode):

                def roll_back(call: Call) -> Followed:
                    call.meet_fault(Verb.ROLLBACK)
                    return call.fabric.roll_back(call.target, _MODES[mode], call.request_id)

                return roll_back

    async def _begin(self, operation: StartUpgrade) -> Begin:
        if not 1 <= len(operation.label) <= LABEL_CHARACTERS_MAX:
            raise bad_request(f"Label has {len(operation.label)} characters; allowed are 1 to {LABEL_CHARACTERS_MAX}.")
        package = await self._payloads.payload(operation.package)
        configuration = with_instance_counts(
            await self._payloads.payload(operation.configuration), operation.instance_counts
        )
        release = Release(operation.label, configuration, role_counts(configuration), package.decode().strip())
        return Begin(Mode.MANUAL, release, operation.role)

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
        call = self._call(_names(target))
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

    def _call(self, names: dict[str, str]) -> Call:
        return Call(self._fabric, self._ids, self._ids.next(), CLIENT_VERSION, names, b"")


def _names(target: Target) -> dict[str, str]:
    """Name a deployment as a path does: by its own name where known, else by slot."""
    if target.deployment is not None:
        return {"service": target.service, "deployment": target.deployment}
    return {"service": target.service, "slot": target.slot}


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
