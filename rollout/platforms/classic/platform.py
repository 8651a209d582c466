"""The classic Service Management API as a platform: look at deployments, ask for changes, follow operations."""

import ssl as tls
from collections.abc import Iterable
from typing import Final

import structlog

from rollout.core.names import Digest, Target
from rollout.core.operation import Operation
from rollout.core.outcome import Handle, Outcome, Progress, Refused, RefusedKind, Unreachable
from rollout.core.snapshot import Observation
from rollout.errors import EndpointUnreachable
from rollout.platforms.classic import encode, xml
from rollout.platforms.classic.decode import UnknownWord
from rollout.platforms.classic.endpoint import parse_endpoint
from rollout.platforms.classic.faults import observed, polled, submit_outcome
from rollout.platforms.classic.prove import proof
from rollout.platforms.classic.transport import (
    DEFAULT_LIMITS,
    Connectors,
    Transport,
    TransportLimits,
    tcp_connector,
)
from rollout.platforms.platform import Capabilities, Payloads, RollbackSupport, Ticket, WalkOrder

CAPABILITIES: Final = Capabilities(
    walk_order=WalkOrder.ASCENDING,
    begin_starts_first_domain=False,
    rollback=RollbackSupport.WHILE_IN_PROGRESS,
    suspend=True,
    swap=True,
)
REQUEST_TIMEOUT_S: Final = 30.0
UNKNOWN_WORDS_MAX: Final = 256
"""How many strange words are remembered, so that each is warned about once."""


class ClassicPlatform:
    """Speaks to one endpoint. Nothing the world does raises here, `prove` apart; it becomes an outcome."""

    def __init__(
        self,
        endpoint: str,
        payloads: Payloads,
        *,
        request_timeout_s: float = REQUEST_TIMEOUT_S,
        ssl: tls.SSLContext | None = None,
        limits: TransportLimits = DEFAULT_LIMITS,
        xml_limits: xml.XmlLimits = xml.DEFAULT_LIMITS,
        connectors: Connectors = tcp_connector,
    ) -> None:
        """`request_timeout_s` bounds reads; a submit's ticket carries its own. A bad endpoint raises UsageError."""
        self._endpoint = parse_endpoint(endpoint)
        self._payloads = payloads
        self._request_timeout_s = request_timeout_s
        self._xml_limits = xml_limits
        self._transport = Transport(self._endpoint, ssl=ssl, limits=limits, connectors=connectors)
        self._unknown: set[UnknownWord] = set()
        self._log = structlog.get_logger("rollout.platforms.classic").bind(endpoint=self._endpoint.origin)

    @property
    def capabilities(self) -> Capabilities:
        """What the classic API can do."""
        return CAPABILITIES

    def write_scope(self, target: Target) -> str:
        """Name the subscription: the API throttles by it."""
        return target.subscription

    async def observe(self, target: Target) -> Observation:
        """Get one deployment, by name where the target has one, else by slot."""
        try:
            request = encode.get_deployment(target)
        except encode.CannotEncode as error:
            return Unreachable(str(error))
        seen = observed(await self._transport.exchange(request, self._request_timeout_s), self._xml_limits)
        self._warn(seen.unknown)
        return seen.observation

    async def submit(self, target: Target, operation: Operation, ticket: Ticket) -> Outcome:
        """Make exactly one HTTP attempt. What the API could only refuse is refused here, and not sent."""
        payloads = await self._resolve(encode.payloads_of(operation))
        try:
            request = encode.encode(target, operation, payloads)
        except encode.CannotEncode as error:
            return Refused(RefusedKind.REJECTED, str(error))
        exchange = await self._transport.exchange(request, ticket.timeout_s, ticket.still_wanted)
        return submit_outcome(exchange, self.write_scope(target), self._xml_limits)

    async def poll(self, handle: Handle) -> Progress:
        """Get the status of an accepted operation."""
        try:
            request = encode.get_operation(handle.scope, handle.id)
        except encode.CannotEncode as error:
            return Unreachable(str(error))
        seen = polled(await self._transport.exchange(request, self._request_timeout_s), handle, self._xml_limits)
        self._warn(seen.unknown)
        return seen.progress

    async def prove(self, target: Target) -> Observation:
        """Look once before anything depends on it.

        Raises EndpointUnreachable, in words for a person, unless the API itself answered and let us in. An absent
        deployment is such an answer, and is given back.
        """
        try:
            request = encode.get_deployment(target)
        except encode.CannotEncode as error:
            raise EndpointUnreachable(f"{self._endpoint.origin} cannot be asked: {error}") from error
        exchange = await self._transport.exchange(request, self._request_timeout_s)
        return proof(exchange, self._endpoint, self._xml_limits)

    async def close(self) -> None:
        """Give connections back."""
        await self._transport.close()

    async def _resolve(self, digests: Iterable[Digest]) -> dict[Digest, bytes]:
        return {digest: await self._payloads.payload(digest) for digest in digests}

    def _warn(self, words: tuple[UnknownWord, ...]) -> None:
        """Log each word the vocabulary does not hold once; it has been kept as it came."""
        for word in words:
            if word not in self._unknown and len(self._unknown) < UNKNOWN_WORDS_MAX:
                self._unknown.add(word)
                self._log.warning("unknown_word", element=word.element, value=word.value)
