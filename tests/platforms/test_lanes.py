"""Poll lanes on real sockets: few connections for many questions, and every trouble ends in one right answer."""

import asyncio
import contextlib
import gzip
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from rollout.core.names import Digest
from rollout.core.outcome import Failed, Handle, Progress, Running, Succeeded, Unknown, Unreachable
from rollout.errors import JournalDamaged
from rollout.platforms.classic.lane_limits import LaneLimits
from rollout.platforms.classic.lane_parser import Framing
from rollout.platforms.classic.platform import ClassicPlatform
from rollout.platforms.classic.transport import TransportLimits

SCOPE = "00000000-0000-4000-8000-000000000001"
OPERATION = (
    '<Operation xmlns="http://schemas.microsoft.com/windowsazure" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">'
    "<ID>{}</ID><Status>{}</Status>{}</Operation>"
)


class Reset(Exception):
    """Cut the connection instead of answering."""


class Silence(Exception):
    """Never answer on this connection."""


Answer = Callable[["Ask"], bytes]


class Ask:
    """One request a server received."""

    def __init__(self, head: bytes, connection: int, number: int, queued: int) -> None:
        self.head = head
        self.id = head.split(b" ", 2)[1].rpartition(b"/")[2].decode()
        self.connection = connection
        self.number = number
        """On its connection, from 0."""
        self.queued = queued
        """Requests that had arrived with it, itself included."""
        self.earlier = 0
        """How often the same was asked before."""


class Nothing:
    """No payloads: nothing is submitted here."""

    async def payload(self, digest: Digest) -> bytes:
        raise JournalDamaged(digest)


class Server:
    """A keep-alive server that answers as told, in the order of the requests."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[Ask] = []
        self.connections = 0
        self.url = ""
        self.met = asyncio.Event()
        self._answer = answer
        self._tasks: set[asyncio.Task[Any]] = set()

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        connection, number, left = self.connections, 0, b""
        try:
            while chunk := await reader.read(1 << 16):
                *heads, left = (left + chunk).split(b"\r\n\r\n")
                for head in heads:
                    ask = Ask(head, connection, number, len(heads))
                    number += 1
                    ask.earlier = sum(each.id == ask.id for each in self.asked)
                    self.asked.append(ask)
                    writer.write(self._answer(ask))
        except Silence:
            self.met.set()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await reader.read()
        except (Reset, ConnectionError):
            writer.transport.abort()
        except asyncio.CancelledError:
            pass
        finally:
            self._tasks.discard(task)
            writer.close()


@asynccontextmanager
async def served(answer: Answer) -> AsyncIterator[Server]:
    server = Server(answer)
    listener = await asyncio.start_server(server.meet, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        server.stop()
        await asyncio.sleep(0)
        await listener.wait_closed()


def reply(status: int, body: bytes | str = b"", *headers: str) -> bytes:
    raw = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Reason", f"Content-Length: {len(raw)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + raw


def dashed(id_: str) -> str:
    return "-".join((id_[:8], id_[8:12], id_[12:16], id_[16:20], id_[20:]))


def says(id_: str, status: str = "InProgress", more: str = "", *headers: str) -> bytes:
    return reply(200, OPERATION.format(dashed(id_), status, more), *headers)


def handles(count: int) -> list[Handle]:
    return [Handle(SCOPE, f"{number:032x}") for number in range(count)]


def platform_at(url: str, *, timeout_s: float = 5.0, reply_bytes_max: int = 1 << 20, **limits: Any) -> ClassicPlatform:
    return ClassicPlatform(
        url,
        Nothing(),
        request_timeout_s=timeout_s,
        limits=TransportLimits(reply_bytes_max=reply_bytes_max),
        lanes=LaneLimits(**limits),
    )


async def asked(platform: ClassicPlatform, subjects: Sequence[Handle], *, rounds: int = 1) -> list[Progress]:
    """Ask about all of them at once, `rounds` times over, and expect exactly one answer each time; give the last."""
    answers: list[Progress] = []
    async with platform.polling() as poll_many:
        for _ in range(rounds):
            told: dict[int, Progress] = {}
            times: Counter[int] = Counter()
            every = asyncio.get_running_loop().create_future()

            def on_result(positions: Sequence[int], progress: Progress) -> None:
                told.update(dict.fromkeys(positions, progress))  # noqa: B023 -- each round is awaited to its end
                times.update(positions)  # noqa: B023
                if len(told) == len(subjects) and not every.done():  # noqa: B023
                    every.set_result(None)  # noqa: B023

            poll_many(subjects[0].scope, subjects, on_result)
            await every
            await asyncio.sleep(0)
            assert set(times.values()) == {1}
            answers = [told[position] for position in range(len(subjects))]
    await platform.close()
    return answers


@pytest.fixture(params=list(Framing))
def framing(request: pytest.FixtureRequest) -> Framing:
    if request.param is Framing.HTTPTOOLS:
        pytest.importorskip("httptools")
    return Framing(request.param)


async def test_many_questions_need_few_connections_that_are_kept(framing: Framing) -> None:
    async with served(lambda ask: says(ask.id)) as server:
        answers = await asked(platform_at(server.url, lanes=4, framing=framing), handles(200), rounds=3)
    assert answers == [Running()] * 200
    assert len(server.asked) == 600
    assert server.connections <= 4


async def test_endings_errors_and_strange_words_mean_what_they_mean_to_poll(framing: Framing) -> None:
    error = "<Error><Code>{}</Code><Message>no</Message></Error>"
    shown: list[Callable[[str], bytes]] = [
        lambda id_: says(id_, "Succeeded", "<HttpStatusCode>200</HttpStatusCode>"),
        lambda id_: says(id_, "Failed", "<HttpStatusCode>409</HttpStatusCode>" + error.format("ConflictError")),
        lambda id_: says(id_, "Brewing"),
        lambda _: reply(404, error.format("ResourceNotFound")),
        lambda _: reply(500, error.format("InternalError")),
        lambda id_: reply(500, OPERATION.format(dashed(id_), "InProgress", "")),
        lambda _: reply(200, "<Operation>"),
        lambda _: reply(200),
    ]
    async with served(lambda ask: shown[int(ask.id, 16)](ask.id)) as server:
        platform = platform_at(server.url, framing=framing)
        answers = await asked(platform, handles(len(shown)))
        again = [await platform.poll(handle) for handle in handles(len(shown))]
        await platform.close()
    assert answers == again
    kinds = [Succeeded, Failed, Running, Unknown, Unreachable, Unreachable, Unreachable, Unreachable]
    assert [type(answer) for answer in answers] == kinds


async def test_a_throttled_answer_is_told_with_its_retry_after_and_nothing_is_asked_twice(framing: Framing) -> None:
    busy = "<Error><Code>TooManyRequests</Code><Message>slow down</Message></Error>"
    async with served(lambda _: reply(503, busy, "Retry-After: 7")) as server:
        answers = await asked(platform_at(server.url, framing=framing), handles(5))
    assert {(answer.throttled, answer.retry_after_s) for answer in answers if isinstance(answer, Unreachable)} == {
        (True, 7.0)
    }
    assert len(server.asked) == 5


async def test_a_reply_is_not_told_before_its_body_is_whole(framing: Framing) -> None:
    arrived, gone = asyncio.Event(), asyncio.Event()
    told: list[Progress] = []

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        id_ = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1].rpartition(b"/")[2].decode()
        whole = says(id_)
        for at in range(len(whole) - 1):
            writer.write(whole[at : at + 1])
            await writer.drain()
        await arrived.wait()
        writer.write(whole[-1:])
        await reader.read()
        writer.close()
        gone.set()

    async with await asyncio.start_server(meet, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        platform = platform_at(f"http://127.0.0.1:{port}", framing=framing)
        async with platform.polling() as poll_many:
            every = asyncio.Event()

            def on_result(_: Sequence[int], progress: Progress) -> None:
                told.append(progress)
                every.set()

            poll_many(SCOPE, handles(1), on_result)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await every.wait()
            arrived.set()
            await every.wait()
        await platform.close()
        await gone.wait()
    assert told == [Running()]


async def test_a_lost_connection_loses_no_question(framing: Framing) -> None:
    def answer(ask: Ask) -> bytes:
        if ask.number == 3 and ask.earlier < 2:
            raise Reset
        return says(ask.id)

    async with served(answer) as server:
        answers = await asked(platform_at(server.url, lanes=3, reopen_s_min=0.001, framing=framing), handles(60))
    assert answers == [Running()] * 60


async def test_a_question_under_which_every_lane_is_lost_is_the_ordinary_clients() -> None:
    def answer(ask: Ask) -> bytes:
        if ask.id == handles(3)[2].id and ask.earlier < 2:
            raise Reset
        return says(ask.id)

    async with served(answer) as server:
        answers = await asked(platform_at(server.url, lanes=1, reopen_s_min=0.001), handles(6))
    assert answers == [Running()] * 6
    assert sum(ask.id == handles(3)[2].id for ask in server.asked) == 3


async def test_a_reply_about_another_operation_is_asked_again_on_another_connection(framing: Framing) -> None:
    wrong = [handles(9)[8].id]

    def answer(ask: Ask) -> bytes:
        return says(
            wrong.pop() if wrong and ask.number == 1 else ask.id, "InProgress", "", "x-ms-rollout-pipelining: 8"
        )

    async with served(answer) as server:
        platform = platform_at(server.url, framing=framing, lanes=1, depth=8, reopen_s_min=0.001)
        answers = await asked(platform, handles(8), rounds=3)
    assert answers == [Running()] * 8
    assert server.connections == 2
    assert max(ask.queued for ask in server.asked if ask.connection == 1) > 1
    assert {ask.queued for ask in server.asked if ask.connection == 2} == {1}


async def test_questions_are_asked_in_a_row_only_where_the_server_offers_it_and_we_want_it() -> None:
    async def rows(depth: int, *headers: str) -> int:
        async with served(lambda ask: says(ask.id, "InProgress", "", *headers)) as server:
            assert await asked(platform_at(server.url, lanes=2, depth=depth), handles(64)) == [Running()] * 64
        return max(ask.queued for ask in server.asked)

    assert await rows(16, "x-ms-rollout-pipelining: 4") == 4
    assert await rows(3, "x-ms-rollout-pipelining: 64") == 3
    assert await rows(1, "x-ms-rollout-pipelining: 64") == 1
    for silent in ((), ("x-ms-rollout-pipelining: many",), ("x-ms-rollout-pipelining: 0",)):
        assert await rows(16, *silent) == 1


async def test_a_redirect_an_encoding_and_a_reply_over_the_cap_are_the_ordinary_clients(framing: Framing) -> None:
    home: list[str] = []

    def answer(ask: Ask) -> bytes:
        match int(ask.id, 16), ask.earlier:
            case 0, 0:
                return reply(307, b"", f"Location: {home[0]}/{SCOPE}/operations/{ask.id}")
            case 1, 0:
                return reply(200, gzip.compress(b"x"), "Content-Encoding: gzip")
            case 2, (0 | 1):
                return reply(200, b"x" * 5_000)
            case _:
                pass
        return says(ask.id)

    async with served(answer) as server:
        home.append(server.url)
        answers = await asked(platform_at(server.url, reply_bytes_max=4_096, lanes=1, framing=framing), handles(4))
    assert answers == [Running()] * 4


async def test_what_is_not_http_is_told_in_the_ordinary_clients_words() -> None:
    async with served(lambda _: b"SSH-2.0-OpenSSH_9.6\r\n\r\n") as server:
        answers = await asked(platform_at(server.url, lanes=1, reopen_s_min=0.001), handles(3))
    assert all(isinstance(answer, Unreachable) and "is not HTTP" in answer.detail for answer in answers)


async def test_an_answer_that_never_comes_is_told_in_time_and_delays_no_other() -> None:
    def answer(ask: Ask) -> bytes:
        if ask.id == handles(1)[0].id:
            raise Silence
        return says(ask.id)

    async with served(answer) as server:
        answers = await asked(platform_at(server.url, timeout_s=0.2, lanes=2), handles(20))
    assert answers[0] == Unreachable("no complete answer from 127.0.0.1 in time")
    assert answers[1:] == [Running()] * 19


async def test_where_nobody_listens_one_question_speaks_for_all_in_the_ordinary_clients_words() -> None:
    async with served(lambda ask: says(ask.id)) as server:
        url = server.url
    platform = platform_at(url)
    answers = await asked(platform, handles(300))
    assert {type(answer) for answer in answers} == {Unreachable}
    assert len({str(answer) for answer in answers}) == 1
    assert "no connection to 127.0.0.1" in str(answers[0])


async def test_a_server_that_comes_back_is_found_again() -> None:
    async with served(lambda ask: says(ask.id)) as server:
        port = int(server.url.rpartition(":")[2])
    platform = platform_at(server.url, reopen_s_min=0.001, reopen_s_max=0.002)
    told: list[Progress] = []
    async with platform.polling() as poll_many:
        while Running() not in told:
            heard = asyncio.Event()

            def on_result(_: Sequence[int], progress: Progress, heard: asyncio.Event = heard) -> None:
                told.append(progress)
                heard.set()

            poll_many(SCOPE, handles(1), on_result)
            await heard.wait()
            if len(told) == 2:
                back = Server(lambda ask: says(ask.id))
                listener = await asyncio.start_server(back.meet, "127.0.0.1", port)
    listener.close()
    back.stop()
    await platform.close()
    assert [type(each) for each in told[:2]] == [Unreachable] * 2
    assert told[-1] == Running()


async def test_an_id_that_no_lane_may_put_into_a_path_is_no_evidence() -> None:
    async with served(lambda ask: says(ask.id)) as server:
        strange = [Handle(SCOPE, "../../x\r\nHost: y"), Handle(SCOPE, ".."), *handles(1)]
        answers = await asked(platform_at(server.url), strange)
        assert await asked(platform_at(server.url), [Handle("", handles(1)[0].id)]) == [
            Unreachable("'' cannot name anything in a path of the API")
        ]
    assert [type(answer) for answer in answers] == [Unreachable, Unreachable, Running]
    assert all(b"Host: y" not in ask.head for ask in server.asked)


async def test_when_the_block_ends_nothing_more_is_told_and_connections_are_closed() -> None:
    told: list[Progress] = []

    def silent(_: Ask) -> bytes:
        raise Silence

    async with served(silent) as server:
        platform = platform_at(server.url, lanes=4)
        async with platform.polling() as poll_many:
            poll_many(SCOPE, handles(50), lambda _, progress: told.append(progress))
            await server.met.wait()
        await platform.close()
    assert told == []
