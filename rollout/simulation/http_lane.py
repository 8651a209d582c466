"""The HTTP lane: the real client and the real emulator with every byte between them, in virtual time and no socket.

The client's half dies with each engine process; the emulator's application is a process of its own and lives on.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp import web
from aiohttp.client_proto import ResponseHandler

from rollout.core.names import Target
from rollout.core.operation import Operation, describe
from rollout.core.outcome import Outcome
from rollout.emulator.fabric import Fabric
from rollout.emulator.fleet import SUBSCRIPTION
from rollout.emulator.server import make_app
from rollout.platforms.classic.platform import ClassicPlatform
from rollout.platforms.platform import Payloads, Ticket
from rollout.simulation.host import At, Host
from rollout.simulation.network import SENDER_HEADER, About, Network, NetworkModel, about_of
from rollout.simulation.outside import OutOfReach
from rollout.simulation.process import Process
from rollout.simulation.sender import SENDER

if TYPE_CHECKING:
    from aiohttp.tracing import Trace

ENDPOINT: Final = "http://127.0.0.1:8080"
Spoil = Callable[[web.Request, Any], Awaitable[web.StreamResponse]]
"""An asynchronous function between the network and the application: a request and the handler behind it."""
Connect = Callable[..., Any]
"""`Network.connect` for one caller: a protocol factory, an address, and what it is about."""


class PipeConnector(aiohttp.BaseConnector):
    """Takes its connections from a network in memory. Idle ones are kept until the service closes them.

    The library would end idle ones by the machine's own clock, which is no clock of a simulation.
    """

    def __init__(self, connect: Connect, connections_max: int, *, keep: bool) -> None:
        super().__init__(limit=connections_max, **({"keepalive_timeout": None} if keep else {"force_close": True}))
        self._connect = connect

    def forget(self) -> None:
        """Be a dead process's: there is nothing left to close, and nobody to complain to."""
        self._closed = True
        self._conns.clear()
        self._acquired.clear()

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list["Trace"],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the library's own signature
    ) -> ResponseHandler:
        del (
            traces,
            timeout,
        )  # the first are for names and proxies; the second is the whole connect's, kept by the caller
        address = (req.url.host or "", req.url.port or 80)
        try:
            _, protocol = await self._connect(self._factory, address, about_of(req.method, req.url.raw_path_qs))
        except OSError as error:
            raise aiohttp.ClientConnectorError(req.connection_key, error) from error
        made: ResponseHandler = protocol
        return made


class HttpLane:
    """The emulator behind a network, for all lives of a world."""

    def __init__(
        self,
        fabric: Fabric,
        model: NetworkModel,
        *,
        time: Callable[[], float],
        at: At,
        late_s: float,
        subscription: str = SUBSCRIPTION,
        sender: Callable[[], str | None] = lambda: None,
        spoil: Spoil | None = None,
    ) -> None:
        """`sender` is as in Network; `late_s` is how late a request may come."""
        self._host = Host(time, at)
        self._runner = web.AppRunner(_application(fabric, subscription, spoil), access_log=None)
        self._host.begin(self._runner.setup())
        self._network = Network(self._host, self._serve, model, time=time, at=at, late_s=late_s, sender=sender)

    def platform(
        self, process: Process, payloads: Payloads, *, wall: Callable[[], float], timeout_s: float
    ) -> "MortalClassic":
        """Make the client's half of one life, and give its loop this network."""
        connect, made = partial(self._network.connect, process), list[PipeConnector]()

        def connector(_context: object, connections_max: int, keep: bool) -> PipeConnector:
            made.append(PipeConnector(connect, connections_max, keep=keep))
            return made[-1]

        def leave() -> None:
            self._network.over(process)
            for each in made:
                each.forget()

        process.joins(partial(_create_connection, connect), leave)
        return MortalClassic(
            ENDPOINT, payloads, process=process, connectors=connector, wall=wall, request_timeout_s=timeout_s
        )

    def close(self) -> None:
        """Switch the service off."""
        self._host.close()

    def _serve(self) -> Any:
        server = self._runner.server
        if server is None:
            raise OutOfReach("the service has been switched off")
        return server()


class MortalClassic(ClassicPlatform):
    """The classic platform of a process that can die with an answer in its hands."""

    def __init__(self, endpoint: str, payloads: Payloads, *, process: Process, **options: Any) -> None:
        super().__init__(endpoint, payloads, **options)
        self._process = process

    async def submit(self, target: Target, operation: Operation, ticket: Ticket) -> Outcome:
        """Submit, with a moment behind the answer."""
        outcome = await super().submit(target, operation, ticket)
        await self._process.moment(f"answered, not recorded: {describe(operation)} {target.service}")
        return outcome


async def _create_connection(
    connect: Connect, factory: Callable[[], Any], host: str, port: int, *, ssl: object = None, **_: object
) -> tuple[Any, Any]:
    """Stand in for `loop.create_connection`, for whoever opens connections by the loop itself."""
    if ssl:
        raise OutOfReach("loop.create_connection(): there is no TLS in memory; use http")
    made: tuple[Any, Any] = await connect(factory, (host, port), About("GET", "", "poll"))
    return made


def _application(fabric: Fabric, subscription: str, spoil: Spoil | None) -> web.Application:
    app = make_app(fabric, subscription=subscription)
    if spoil is not None:

        @web.middleware
        async def spoilt(request: web.Request, handler: Any) -> web.StreamResponse:
            return await spoil(request, handler)

        app.middlewares.append(spoilt)
    app.middlewares.append(_named)
    return app


@web.middleware
async def _named(request: web.Request, handler: Any) -> web.StreamResponse:
    """Let what a request does be its sender's doing; what it plans inherits that."""
    SENDER.set(request.headers.get(SENDER_HEADER))
    response: web.StreamResponse = await handler(request)
    return response
