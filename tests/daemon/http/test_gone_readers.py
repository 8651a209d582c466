"""A reader of events that has gone before the first byte leaves no noise behind."""

from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, Mock

from aiohttp import ClientConnectionResetError
from aiohttp.abc import AbstractStreamWriter
from aiohttp.test_utils import make_mocked_request

from rollout.daemon.auth.person import Person
from rollout.daemon.auth.role import Role
from rollout.daemon.http.handlers.events import EventsQuery, events
from rollout.daemon.http.route import Asked
from rollout.daemon.http.streams import Streams


async def test_a_reader_that_left_before_the_headers_is_let_go_and_gives_its_seat_back() -> None:
    gone = ClientConnectionResetError("Cannot write to closing transport")
    writer = Mock(spec=AbstractStreamWriter)
    writer.write_headers, writer.write_eof = AsyncMock(side_effect=gone), AsyncMock(side_effect=gone)
    writer.send_headers.side_effect = gone
    desk: Any = SimpleNamespace(streams=Streams(4, 4))
    request = make_mocked_request("GET", "/v1/events", writer=writer)
    asked = Asked(request, Person("ann", (Role.VIEWER,), "t-1"), {}, EventsQuery(), None, "")
    await events(desk, asked)
    assert desk.streams.count == 0
