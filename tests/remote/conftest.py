"""A daemon's double: it answers as it is told to, and remembers what it was asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from rollout.remote.address import address_of
from rollout.remote.patience import Patience
from rollout.remote.wire import Wire, WireLimits
from rollout.settings import Secret

TOKEN = "a-token-of-a-person"  # noqa: S105 - of nobody

CLOSING = web.AppKey("closing", asyncio.Event)

Answerer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Seen:
    """One request as it came."""

    def __init__(self, request: web.Request, body: bytes) -> None:
        self.method = request.method
        self.path = request.path_qs
        self.headers = request.headers
        self.body = body


class Double:
    """Answers each path with the answerers it was given, in order; the last one stays."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.pauses: list[float] = []
        self.url = ""
        self.asked = asyncio.Event()
        self._answers: dict[tuple[str, str], list[Answerer]] = {}

    def on(self, method: str, path: str, *answers: Answerer) -> None:
        self._answers[method, path] = list(answers)

    def wire(self, **changes: Any) -> Wire:
        return Wire(address_of(self.url), Secret(TOKEN), pause=self.pause, draw=lambda: 1.0, **changes)

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    @staticmethod
    def says(document: Any, status: int = 200, **headers: str) -> Answerer:
        async def answer(_: web.Request) -> web.Response:
            return web.Response(
                status=status, body=json.dumps(document), content_type="application/json", headers=headers
            )

        return answer

    @staticmethod
    def problem(status: int, retry_after: str | None = None, **fields: Any) -> Answerer:
        headers = {} if retry_after is None else {"Retry-After": retry_after}

        async def answer(_: web.Request) -> web.Response:
            text = json.dumps({"status": status, **fields})
            return web.Response(status=status, body=text, content_type="application/problem+json", headers=headers)

        return answer

    @staticmethod
    def prose(status: int, text: str = "<html>hello", **headers: str) -> Answerer:
        async def answer(_: web.Request) -> web.Response:
            return web.Response(status=status, text=text, content_type="text/html", headers=headers)

        return answer

    @staticmethod
    def drops() -> Answerer:
        """Take the request and break the connection without an answer."""

        async def answer(request: web.Request) -> web.Response:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        return answer

    @staticmethod
    def streams(*chunks: bytes, stays: bool = False) -> Answerer:
        """Send a stream of events; it ends after the last chunk, or stays silent until the reader leaves."""

        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            for chunk in chunks:
                await response.write(chunk)
            if stays:
                await request.app[CLOSING].wait()
            return response

        return answer

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(Seen(request, await request.read()))
        self.asked.set()
        answers = self._answers[request.method, request.path]
        return await (answers.pop(0) if len(answers) > 1 else answers[0])(request)


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    made = Double()
    app = web.Application()
    app[CLOSING] = asyncio.Event()
    app.router.add_route("*", "/{rest:.*}", made.handle)
    server = TestServer(app)
    await server.start_server()
    made.url = str(server.make_url("")).rstrip("/")
    yield made
    app[CLOSING].set()
    await server.close()


@pytest.fixture
async def wire(double: Double) -> AsyncIterator[Wire]:
    async with double.wire(patience=Patience(attempts=3), limits=WireLimits(request_s_max=10.0)) as made:
        yield made
