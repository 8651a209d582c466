"""The classic Service Management API as a platform: look at deployments, ask for changes, follow operations."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from rollout.core.names import Digest, StreamName, Target
from rollout.core.operation import Operation, describe
from rollout.core.outcome import Handle, Outcome, Progress, Refused, RefusedKind, Unreachable
from rollout.core.prepare import Order, Preparation, Unfeasible
from rollout.core.snapshot import Observation
from rollout.core.witnessed import Witness
from rollout.errors import InvariantBroken
from rollout.platforms.classic import draw, encode, listing, packages, xml
from rollout.platforms.classic.access import NOBODY, Credentials
from rollout.platforms.classic.client import REQUEST_TIMEOUT_S, ClassicClient
from rollout.platforms.classic.endpoint import Endpoint, parse_endpoint
from rollout.platforms.classic.exchange import Exchange
from rollout.platforms.classic.fields import normal_request_id
from rollout.platforms.classic.lane_limits import DEFAULT_LANES, LaneLimits
from rollout.platforms.classic.paths import deployment_path, service_path, slot_path
from rollout.platforms.classic.request import CannotEncode, Request, checked_version
from rollout.platforms.classic.requests.deployment import GetDeployment
from rollout.platforms.classic.shown import Called, Tell, witnessed
from rollout.platforms.classic.transport import DEFAULT_LIMITS, Connectors, TransportLimits, tcp_connector
from rollout.platforms.classic.vocabulary import CLIENT_VERSION
from rollout.platforms.classic.write import url_text
from rollout.platforms.platform import Capabilities, OnResult, Payloads, PollMany, RollbackSupport, Ticket, WalkOrder

if TYPE_CHECKING:
    from rollout.platforms.classic.lanes import LaneGroup

STRANGERS_SHOWN_MAX: Final = 3
CAPABILITIES: Final = Capabilities(
    walk_order=WalkOrder.ASCENDING,
    begin_starts_first_domain=False,
    rollback=RollbackSupport.WHILE_IN_PROGRESS,
    suspend=True,
    swap=True,
)
CLIENTS_MAX: Final = 1_000
"""Sets of credentials in one platform; each has connections of its own."""


def nobody(_subscription: str) -> Credentials:
    """Show nothing, to any subscription: what an emulator on this machine asks for."""
    return NOBODY


class ClassicPlatform:
    """Speaks to one endpoint, or to each subscription's own.

    Nothing the world does raises here, `prove` apart; it becomes an outcome.
    """

    def __init__(
        self,
        endpoint: str,
        payloads: Payloads,
        *,
        credentials: Callable[[str], Credentials] = nobody,
        endpoints: Mapping[str, str] | None = None,
        version: str = CLIENT_VERSION,
        request_timeout_s: float = REQUEST_TIMEOUT_S,
        limits: TransportLimits = DEFAULT_LIMITS,
        xml_limits: xml.XmlLimits = xml.DEFAULT_LIMITS,
        connectors: Connectors = tcp_connector,
        wall: Callable[[], float] = time.time,
        lanes: LaneLimits = DEFAULT_LANES,
        witness: Witness | None = None,
    ) -> None:
        """`credentials` gives those of a subscription, each time the same object, which has its own connections.

        `endpoints` are those of subscriptions that are found elsewhere than at `endpoint`.

        `request_timeout_s` bounds reads; a submit's ticket carries its own. `wall` is POSIX seconds UTC, and only ends
        the window of listings and dates what `witness` is told: every call with its answer, and how operations failed.
        A bad endpoint or version raises UsageError.
        """
        self._endpoint = parse_endpoint(endpoint)
        self._endpoints = {name.lower(): parse_endpoint(each) for name, each in (endpoints or {}).items()}
        self._payloads = payloads
        self._credentials = credentials
        self._version = checked_version(version)
        self._request_timeout_s = request_timeout_s
        self._limits = limits
        self._xml_limits = xml_limits
        self._connectors = connectors
        self._wall = wall
        self._lanes = lanes
        self._witness = witness
        self._clients: dict[tuple[Endpoint, int], tuple[Credentials, ClassicClient]] = {}

    @property
    def capabilities(self) -> Capabilities:
        """What the classic API can do."""
        return CAPABILITIES

    def write_scope(self, target: Target) -> str:
        """Name the subscription: the API throttles by it."""
        return target.subscription

    async def observe(self, target: Target) -> Observation:
        """Get one deployment, by name where the target has one, else by slot."""
        return await self.client(target.subscription).deployment(GetDeployment(target=target))

    async def submit(self, target: Target, operation: Operation, ticket: Ticket) -> Outcome:
        """Make exactly one attempt. What the API could only refuse is refused here, and not sent."""
        payloads = await self._resolve(encode.payloads_of(operation))
        try:
            call = encode.encode(target, operation, payloads)
        except CannotEncode as error:
            return Refused(RefusedKind.REJECTED, str(error))
        return await self.client(target.subscription).submit(call, ticket, self._telling(operation, ticket))

    async def poll(self, handle: Handle) -> Progress:
        """Get the status of an accepted operation."""
        return await self.client(handle.scope).operation(handle)

    async def prepare(self, order: Order) -> Preparation:
        """Make a service configuration (.cscfg) from what the order names, and ask for its packages."""
        drawn = draw.draw(order, await self._resolve(draw.payloads_of(order)))
        if isinstance(drawn, Unfeasible) or not order.packages:
            return drawn
        payloads = await self._resolve(order.packages)
        try:
            urls = [url_text(payloads[package], "the package reference") for package in order.packages]
        except CannotEncode as error:
            return Unfeasible(str(error))
        why = await packages.missing(urls, self._connectors, self._request_timeout_s)
        return drawn if why is None else Unfeasible(why)

    @property
    def questions_max(self) -> int:
        """As many as one group of lanes has on their way at once."""
        return self._lanes.lanes * self._lanes.depth

    @contextlib.asynccontextmanager
    async def polling(self) -> AsyncIterator[PollMany]:
        """Give the lanes, those of each set of credentials apart, for the time of a block."""
        groups: dict[int, LaneGroup] = {}
        async with asyncio.TaskGroup() as tasks:

            def poll_many(scope: str, handles: Sequence[Handle], on_result: OnResult) -> None:
                client = self.client(scope)
                if (group := groups.get(id(client))) is None:
                    group = groups[id(client)] = client.lanes(tasks, self._lanes)
                group.ask(scope, handles, on_result)

            try:
                yield poll_many
            finally:
                for group in groups.values():
                    group.close()

    async def running(self, scope: str, since: float) -> AsyncIterator[frozenset[str] | Unreachable]:
        """List what is in progress in a subscription and began at `since`, in POSIX seconds UTC, or later."""
        async for page in listing.running(self.client(scope), scope, (since, self._wall())):
            yield page

    async def whose(
        self, target: Target, since: float, ours: Collection[str] = ()
    ) -> tuple[listing.ForeignOperation, ...] | Unreachable:
        """List what others did to a deployment since then: to it by name, to its slot, and to its service (a swap)."""
        try:
            service = service_path(target.subscription, target.service)
            paths = dict.fromkeys((deployment_path(target), slot_path(target), service))
        except CannotEncode as error:
            return Unreachable(str(error))
        return await listing.whose(
            self.client(target.subscription), target.subscription, paths, (since, self._wall()), ours
        )

    async def strangers(self, target: Target, since: float, ours: Collection[str]) -> str | None:
        """Say whose operations are listed, the latest first and at most `STRANGERS_SHOWN_MAX`; None = nobody's."""
        found = await self.whose(target, since, ours)
        if isinstance(found, Unreachable) or not found:
            return None
        return "; ".join(str(each) for each in found[:STRANGERS_SHOWN_MAX])

    async def prove(self, target: Target) -> Observation:
        """Look once before anything depends on it.

        Raises EndpointUnreachable, in words for a person, unless the API itself answered and let us in. An absent
        deployment is such an answer, and is given back.
        """
        return await self.client(target.subscription).prove(GetDeployment(target=target))

    def client(self, subscription: str) -> ClassicClient:
        """Give the client that shows a subscription's credentials, for what an operator wants beyond a rollout."""
        credentials = self._credentials(subscription)
        endpoint = self._endpoints.get(subscription.lower(), self._endpoint)
        known = self._clients.get((endpoint, id(credentials)))
        if known is not None:
            return known[1]
        if len(self._clients) >= CLIENTS_MAX:
            raise InvariantBroken(f"over {CLIENTS_MAX} sets of credentials: each subscription has one, always the same")
        client = ClassicClient(
            endpoint,
            credentials=credentials,
            version=self._version,
            request_timeout_s=self._request_timeout_s,
            limits=self._limits,
            xml_limits=self._xml_limits,
            connectors=self._connectors,
            on_failed=None if self._witness is None else self._tell_failed,
        )
        self._clients[endpoint, id(credentials)] = (credentials, client)
        return client

    async def close(self) -> None:
        """Give connections back."""
        for _, client in self._clients.values():
            await client.close()

    def _telling(self, operation: Operation, ticket: Ticket) -> Tell | None:
        """Tell the witness of a call that is about to be made."""
        if (witness := self._witness) is None:
            return None
        at = self._wall()

        def tell(request: Request, exchange: Exchange) -> None:
            stream, _, number = ticket.key.rpartition("/")
            call = Called(StreamName(stream), int(number), describe(operation), at)
            witness(witnessed(call, request, exchange, self._version))

        return tell

    def _tell_failed(self, request: Request, exchange: Exchange) -> None:
        """Tell the witness how an operation failed; whose it was is known by its id, which ends the path."""
        if self._witness is not None:
            asked = request.path.rpartition("/")[2]
            call = Called(StreamName(""), 0, "outcome of an operation", self._wall(), normal_request_id(asked) or "")
            self._witness(witnessed(call, request, exchange, self._version))

    async def _resolve(self, digests: Iterable[Digest]) -> dict[Digest, bytes]:
        return {digest: await self._payloads.payload(digest) for digest in digests}
