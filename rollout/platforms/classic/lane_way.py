"""How lanes reach an endpoint and read its answers: what they share with the ordinary client."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rollout.core.outcome import Handle, Progress
from rollout.platforms.classic.exchange import Exchange
from rollout.platforms.classic.faults import Polled
from rollout.platforms.classic.transport import Transport


@dataclass(frozen=True, slots=True)
class Way:
    """One endpoint with one set of credentials."""

    transport: Transport
    """The ordinary client's: lanes speak to its endpoint, show its credentials, and keep its limits."""
    timeout_s: float
    """For one question, from when it was given to its answer."""
    read: Callable[[Exchange, Handle], Polled]
    """How the ordinary client reads an answer."""
    ask: Callable[[Handle], Awaitable[Progress]]
    """How the ordinary client asks."""

    @property
    def host(self) -> str:
        """Whom the endpoint's name means, for people."""
        return self.transport.endpoint.host
