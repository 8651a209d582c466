"""The classic Service Management API, one method for each of its operations: records in, values out."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final, TypeVar

import msgspec
import structlog

from rollout.core.outcome import Failed, Handle, Outcome, Progress, Refused, RefusedKind, Unreachable
from rollout.core.snapshot import Absent, Observation
from rollout.platforms.classic import faults, xml
from rollout.platforms.classic.access import NOBODY, Credentials
from rollout.platforms.classic.decode import ApiError
from rollout.platforms.classic.decode_extension import Extension, decode_extension, decode_extensions
from rollout.platforms.classic.decode_listing import (
    ListedOperation,
    OperationsRead,
    RunningRead,
    decode_operations,
    decode_running,
)
from rollout.platforms.classic.decode_service import (
    Availability,
    CloudService,
    ServicesRead,
    decode_availability,
    decode_service,
    decode_services,
)
from rollout.platforms.classic.endpoint import Endpoint
from rollout.platforms.classic.exchange import Break, Broken, Exchange
from rollout.platforms.classic.fields import UnknownWord
from rollout.platforms.classic.lane_limits import LaneLimits
from rollout.platforms.classic.lane_way import Way
from rollout.platforms.classic.lanes import LaneGroup
from rollout.platforms.classic.marks import mark_in_body, mark_in_header
from rollout.platforms.classic.prove import proof
from rollout.platforms.classic.request import Call, CannotEncode, checked_version
from rollout.platforms.classic.requests.configure import ChangeConfiguration
from rollout.platforms.classic.requests.create import CreateDeployment
from rollout.platforms.classic.requests.delete import DeleteDeployment
from rollout.platforms.classic.requests.deployment import GetDeployment
from rollout.platforms.classic.requests.extension import AddExtension, DeleteExtension, GetExtension, ListExtensions
from rollout.platforms.classic.requests.instance import DeleteInstances, RenewInstance
from rollout.platforms.classic.requests.operation import GetOperation, ListOperations
from rollout.platforms.classic.requests.package import GetPackage
from rollout.platforms.classic.requests.rollback import RollbackUpdateOrUpgrade
from rollout.platforms.classic.requests.service import CheckName, GetService, ListServices
from rollout.platforms.classic.requests.service_change import CreateService, DeleteService, UpdateService
from rollout.platforms.classic.requests.status import UpdateDeploymentStatus
from rollout.platforms.classic.requests.swap import SwapDeployment
from rollout.platforms.classic.requests.upgrade import UpgradeDeployment
from rollout.platforms.classic.requests.walk import WalkUpgradeDomain
from rollout.platforms.classic.shown import Tell
from rollout.platforms.classic.transport import (
    DEFAULT_LIMITS,
    Connectors,
    Transport,
    TransportLimits,
    tcp_connector,
)
from rollout.platforms.classic.vocabulary import CLIENT_VERSION
from rollout.platforms.platform import Ticket

REQUEST_TIMEOUT_S: Final = 30.0
PAGES_MAX: Final = 200
"""Of one listing; over it the listing ends as unreachable, since a part is not the whole."""
RUNNING_PAGES_MAX: Final = 20_000
"""Of a listing of what is in progress; each page is paced by whoever lists."""
UNKNOWN_WORDS_MAX: Final = 256
"""How many strange words are remembered, so that each is warned about once."""

_Read = TypeVar("_Read")
_Page = TypeVar("_Page", OperationsRead, RunningRead, ServicesRead)


class ClassicClient:
    """Speaks to one endpoint with one set of credentials.

    A mutating method makes one attempt and gives its outcome; a question is answered, or is not. Nothing the world
    does raises. What the API could only refuse is refused here and not sent.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        credentials: Credentials = NOBODY,
        version: str = CLIENT_VERSION,
        request_timeout_s: float = REQUEST_TIMEOUT_S,
        limits: TransportLimits = DEFAULT_LIMITS,
        xml_limits: xml.XmlLimits = xml.DEFAULT_LIMITS,
        connectors: Connectors = tcp_connector,
        on_failed: Tell | None = None,
    ) -> None:
        """`request_timeout_s` bounds questions; a ticket carries its own. A misspelt version raises UsageError.

        `on_failed` hears of each answer that an operation failed.
        """
        self._endpoint = endpoint
        self._version = checked_version(version)
        self._request_timeout_s = request_timeout_s
        self._xml_limits = xml_limits
        self._on_failed = on_failed
        self._transport = Transport(
            endpoint, credentials=credentials, version=version, limits=limits, connectors=connectors
        )
        self._unknown: set[UnknownWord] = set()
        self._log = structlog.get_logger("rollout.platforms.classic").bind(endpoint=endpoint.origin)

    async def submit(self, call: Call, ticket: Ticket, tell: Tell | None = None) -> Outcome:
        """Make exactly one attempt at any mutating call. `tell` hears what was sent and what came back."""
        try:
            request = call.request(self._version)
        except CannotEncode as error:
            return Refused(RefusedKind.REJECTED, str(error))
        exchange = await self._transport.exchange(request, ticket.timeout_s, ticket.still_wanted)
        if tell is not None:
            tell(request, exchange)
        return faults.submit_outcome(exchange, call.subscription, self._xml_limits)

    async def upgrade(self, call: UpgradeDeployment, ticket: Ticket) -> Outcome:
        """Upgrade Deployment."""
        return await self.submit(call, ticket)

    async def configure(self, call: ChangeConfiguration, ticket: Ticket) -> Outcome:
        """Change Deployment Configuration."""
        return await self.submit(call, ticket)

    async def walk(self, call: WalkUpgradeDomain, ticket: Ticket) -> Outcome:
        """Walk Upgrade Domain."""
        return await self.submit(call, ticket)

    async def rollback(self, call: RollbackUpdateOrUpgrade, ticket: Ticket) -> Outcome:
        """Rollback Update Or Upgrade: answered 200 by name and 202 by slot, and asynchronous either way."""
        return await self.submit(call, ticket)

    async def set_status(self, call: UpdateDeploymentStatus, ticket: Ticket) -> Outcome:
        """Update Deployment Status."""
        return await self.submit(call, ticket)

    async def swap(self, call: SwapDeployment, ticket: Ticket) -> Outcome:
        """Swap Deployment."""
        return await self.submit(call, ticket)

    async def create(self, call: CreateDeployment, ticket: Ticket) -> Outcome:
        """Create Deployment."""
        return await self.submit(call, ticket)

    async def delete(self, call: DeleteDeployment, ticket: Ticket) -> Outcome:
        """Delete Deployment."""
        return await self.submit(call, ticket)

    async def renew_instance(self, call: RenewInstance, ticket: Ticket) -> Outcome:
        """Reboot, Reimage or Rebuild Role Instance."""
        return await self.submit(call, ticket)

    async def delete_instances(self, call: DeleteInstances, ticket: Ticket) -> Outcome:
        """Delete Role Instances."""
        return await self.submit(call, ticket)

    async def get_package(self, call: GetPackage, ticket: Ticket) -> Outcome:
        """Get Package: it is written to a container, not answered."""
        return await self.submit(call, ticket)

    async def add_extension(self, call: AddExtension, ticket: Ticket) -> Outcome:
        """Add Extension."""
        return await self.submit(call, ticket)

    async def delete_extension(self, call: DeleteExtension, ticket: Ticket) -> Outcome:
        """Delete Extension."""
        return await self.submit(call, ticket)

    async def create_service(self, call: CreateService, ticket: Ticket) -> Outcome:
        """Create Cloud Service: done when it is answered; its handle says Succeeded at once."""
        return await self.submit(call, ticket)

    async def update_service(self, call: UpdateService, ticket: Ticket) -> Outcome:
        """Update Cloud Service."""
        return await self.submit(call, ticket)

    async def delete_service(self, call: DeleteService, ticket: Ticket) -> Outcome:
        """Delete Cloud Service."""
        return await self.submit(call, ticket)

    async def deployment(self, call: GetDeployment) -> Observation:
        """Get Deployment."""
        seen = faults.observed(await self._exchange(call), self._xml_limits)
        self._warn(seen.unknown)
        return seen.observation

    async def prove(self, call: GetDeployment) -> Observation:
        """Get Deployment once, before anything depends on it.

        Raises EndpointUnreachable, in words for a person, unless the API itself answered and let us in.
        """
        return proof(await self._exchange(call), self._endpoint, self._xml_limits, self._version)

    async def operation(self, handle: Handle) -> Progress:
        """Get Operation Status."""
        exchange = await self._exchange(GetOperation(subscription=handle.scope, id=handle.id))
        return self.polled(exchange, handle).progress

    def polled(self, exchange: Exchange, handle: Handle) -> faults.Polled:
        """Read an answer to Get Operation Status, by whichever connection it came."""
        seen = faults.polled(exchange, handle, self._xml_limits)
        self._warn(seen.unknown)
        if self._on_failed is not None and isinstance(seen.progress, Failed):
            self._on_failed(GetOperation(subscription=handle.scope, id=handle.id).request(self._version), exchange)
        return seen

    def lanes(self, tasks: asyncio.TaskGroup, limits: LaneLimits) -> LaneGroup:
        """Begin lanes to the same endpoint with the same credentials; `tasks` bounds their life."""
        return LaneGroup(Way(self._transport, self._request_timeout_s, self.polled, self.operation), limits, tasks)

    async def service(self, call: GetService) -> CloudService | Unreachable | Absent:
        """Get Cloud Service Properties."""
        read = await self._ask(call, decode_service)
        if isinstance(read, Unreachable | Absent):
            return read
        self._warn(read.unknown)
        return read.service

    async def services(self, call: ListServices) -> AsyncIterator[tuple[CloudService, ...] | Unreachable | Absent]:
        """List Cloud Services, page by page; what is not a page is the last thing given."""
        async for page in self._pages(call, decode_services, mark_in_header):
            yield page.services if isinstance(page, ServicesRead) else page

    async def operations(
        self, call: ListOperations
    ) -> AsyncIterator[tuple[ListedOperation, ...] | Unreachable | Absent]:
        """List Subscription Operations, page by page; what is not a page is the last thing given."""
        async for page in self._pages(call, decode_operations, mark_in_body):
            yield page.operations if isinstance(page, OperationsRead) else page

    async def running(self, call: ListOperations) -> AsyncIterator[frozenset[str] | Unreachable | Absent]:
        """List Subscription Operations for the ids of those in progress; what is not a page is the last thing given."""
        async for page in self._pages(call, decode_running, mark_in_body, RUNNING_PAGES_MAX):
            yield page.ids if isinstance(page, RunningRead) else page

    async def is_free(self, call: CheckName) -> Availability | Unreachable | Absent:
        """Check whether a cloud service may have a name."""
        return await self._ask(call, decode_availability)

    async def extensions(self, call: ListExtensions) -> tuple[Extension, ...] | Unreachable | Absent:
        """List Extensions."""
        return await self._ask(call, decode_extensions)

    async def extension(self, call: GetExtension) -> Extension | Unreachable | Absent:
        """Get Extension."""
        return await self._ask(call, decode_extension)

    async def close(self) -> None:
        """Give connections back."""
        await self._transport.close()

    async def _exchange(self, call: Call) -> Exchange:
        try:
            request = call.request(self._version)
        except CannotEncode as error:
            return Broken(Break.DECLINED, sent=False, detail=str(error))
        return await self._transport.exchange(request, self._request_timeout_s)

    async def _ask(
        self, call: Call, decode: Callable[[bytes, xml.XmlLimits], _Read | ApiError]
    ) -> _Read | Unreachable | Absent:
        return faults.answered(await self._exchange(call), decode, self._xml_limits)

    async def _pages(
        self,
        call: ListOperations | ListServices,
        decode: Callable[[bytes, xml.XmlLimits], _Page | ApiError],
        mark_of: Callable[[Exchange, _Page], str | None],
        pages_max: int | None = None,
    ) -> AsyncIterator[_Page | Unreachable | Absent]:
        """Follow the marks from page to page; a failure, a circle and too long a list are said, not passed over."""
        pages_max = pages_max or PAGES_MAX
        for _ in range(pages_max):
            exchange = await self._exchange(call)
            page = faults.answered(exchange, decode, self._xml_limits)
            if not isinstance(page, Unreachable | Absent):
                self._warn(page.unknown)
            yield page
            mark = None if isinstance(page, Unreachable | Absent) else mark_of(exchange, page)
            if mark is None:
                return
            if mark == call.continuation:
                yield Unreachable("the listing goes round in a circle: a page names itself as the next")
                return
            call = msgspec.structs.replace(call, continuation=mark)
        yield Unreachable(f"the listing has more than {pages_max} pages")

    def _warn(self, words: tuple[UnknownWord, ...]) -> None:
        """Log each word the vocabulary does not hold once; it has been kept as it came."""
        for word in words:
            if word not in self._unknown and len(self._unknown) < UNKNOWN_WORDS_MAX:
                self._unknown.add(word)
                self._log.warning("unknown_word", element=word.element, value=word.value)
