"""Who lanes show themselves to, and as whom: tokens that are renewed once, certificates, and one group for each."""

import asyncio
import ssl as tls
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme

from rollout.core.names import Digest
from rollout.core.outcome import Handle, Progress, Running, Unreachable
from rollout.errors import JournalDamaged
from rollout.platforms.classic.access import Credentials, NoAccess, Plain
from rollout.platforms.classic.lane_limits import LaneLimits
from rollout.platforms.classic.platform import ClassicPlatform

SCOPE = "00000000-0000-4000-8000-000000000001"
OTHER = "00000000-0000-4000-8000-000000000002"
IN_PROGRESS = (
    '<Operation xmlns="http://schemas.microsoft.com/windowsazure"><ID>{}</ID><Status>InProgress</Status></Operation>'
)
REFUSED = b"<Error><Code>AuthenticationFailed</Code><Message>who are you</Message></Error>"


class Nothing:
    """No payloads: nothing is submitted here."""

    async def payload(self, digest: Digest) -> bytes:
        raise JournalDamaged(digest)


class Tokens(Plain):
    """Tokens t1, t2 and so on: one more for each renewal."""

    def __init__(self, *, left: int = 9) -> None:
        super().__init__()
        self.renewals = 0
        self._left = left

    async def authorization(self) -> str | None:
        return f"Bearer t{self.renewals + 1}"

    async def refresh(self) -> bool:
        if not self._left:
            return False
        self._left -= 1
        self.renewals += 1
        return True


class Server:
    """Lets in who shows one of `valid`, and keeps what was shown on which connection."""

    def __init__(self, valid: set[str] | None = None) -> None:
        self.valid = valid
        self.shown: list[str] = []
        self.connections = 0
        self.certificates: list[object] = []
        self.port = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.certificates.append(writer.get_extra_info("peercert"))
        left = b""
        try:
            while chunk := await reader.read(1 << 16):
                *heads, left = (left + chunk).split(b"\r\n\r\n")
                for head in heads:
                    writer.write(self._answer(head.decode()))
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _answer(self, head: str) -> bytes:
        lines = head.split("\r\n")
        shown = next((line.partition(": ")[2] for line in lines if line.startswith("Authorization: ")), "")
        self.shown.append(shown)
        if self.valid is not None and shown not in self.valid:
            return b"HTTP/1.1 401 No\r\nContent-Length: %d\r\n\r\n%b" % (len(REFUSED), REFUSED)
        body = IN_PROGRESS.format(lines[0].split(" ")[1].rpartition("/")[2]).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


@asynccontextmanager
async def served(server: Server, context: tls.SSLContext | None = None) -> AsyncIterator[Server]:
    listener = await asyncio.start_server(server.meet, "localhost", 0, ssl=context, family=2)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        server.stop()
        await asyncio.sleep(0)
        await listener.wait_closed()


def platform_at(url: str, credentials: Callable[[str], Credentials]) -> ClassicPlatform:
    return ClassicPlatform(
        url, Nothing(), credentials=credentials, request_timeout_s=5.0, lanes=LaneLimits(lanes=2, reopen_s_min=0.001)
    )


async def asked(platform: ClassicPlatform, *scopes: str, count: int = 10) -> list[Progress]:
    """Ask about so many operations of each scope at once, and give the answers in any order."""
    told: list[Progress] = []
    scopes = scopes or (SCOPE,)
    every = asyncio.Event()

    def on_result(positions: Sequence[int], progress: Progress) -> None:
        told.extend(progress for _ in positions)
        if len(told) == count * len(scopes):
            every.set()

    async with platform.polling() as poll_many:
        for scope in scopes:
            poll_many(scope, [Handle(scope, f"{number:032x}") for number in range(count)], on_result)
        await every.wait()
    return told


async def test_a_token_is_shown_with_every_question() -> None:
    tokens = Tokens()
    async with served(Server({"Bearer t1"})) as server:
        platform = platform_at(f"http://127.0.0.1:{server.port}", lambda _: tokens)
        assert await asked(platform) == [Running()] * 10
        await platform.close()
    assert server.shown == ["Bearer t1"] * 10
    assert tokens.renewals == 0


async def test_a_refused_token_is_renewed_once_for_all_questions_and_then_shown_on_the_lanes() -> None:
    tokens = Tokens()
    async with served(Server({"Bearer t2"})) as server:
        platform = platform_at(f"http://127.0.0.1:{server.port}", lambda _: tokens)
        assert await asked(platform, count=50) == [Running()] * 50
        assert await asked(platform, count=50) == [Running()] * 50
        await platform.close()
    assert tokens.renewals == 1
    assert server.shown.count("Bearer t1") <= 6
    assert set(server.shown) == {"Bearer t1", "Bearer t2"}


async def test_without_a_better_token_every_question_is_told_why() -> None:
    tokens = Tokens(left=0)
    async with served(Server({"Bearer other"})) as server:
        platform = platform_at(f"http://127.0.0.1:{server.port}", lambda _: tokens)
        answers = await asked(platform)
        await platform.close()
    assert all(isinstance(answer, Unreachable) and "AuthenticationFailed" in answer.detail for answer in answers)


async def test_where_no_token_can_be_had_nothing_is_sent_and_the_cause_is_told() -> None:
    class Missing(Tokens):
        async def authorization(self) -> str | None:
            raise NoAccess("the token file is gone")

    missing = Missing()
    async with served(Server()) as server:
        platform = platform_at(f"http://127.0.0.1:{server.port}", lambda _: missing)
        answers = await asked(platform)
        await platform.close()
    assert all("the token file is gone" in str(answer) for answer in answers)
    assert server.shown == []


async def test_subscriptions_share_lanes_only_with_the_same_credentials() -> None:
    mine, same = Tokens(), Tokens()
    async with served(Server()) as server:
        platform = platform_at(f"http://127.0.0.1:{server.port}", lambda _: same)
        assert await asked(platform, SCOPE, OTHER) == [Running()] * 20
        await platform.close()
        together = server.connections
        platform = platform_at(f"http://127.0.0.1:{server.port}", lambda scope: mine if scope == SCOPE else same)
        assert await asked(platform, SCOPE, OTHER) == [Running()] * 20
        await platform.close()
    assert together <= 2
    assert server.connections - together == 2 * 2


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(authority: trustme.CA) -> tls.SSLContext:
    context = tls.SSLContext(tls.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = tls.CERT_REQUIRED
    return context


def client_context(trusted: trustme.CA, own: trustme.CA | None) -> tls.SSLContext:
    context = tls.create_default_context()
    trusted.configure_trust(context)
    if own is not None:
        own.issue_cert("client@rollout.example").configure_cert(context)
    return context


async def test_lanes_show_our_certificate_and_keep_their_connections(authority: trustme.CA) -> None:
    shown = Plain(client_context(authority, authority))
    async with served(Server(), server_context(authority)) as server:
        platform = platform_at(f"https://localhost:{server.port}", lambda _: shown)
        assert await asked(platform, count=60) == [Running()] * 60
        await platform.close()
    assert server.connections <= 2
    assert all(server.certificates)


@pytest.mark.parametrize(
    ("trusts", "shows", "says"),
    [
        (False, True, "the certificate of localhost was not accepted"),
        # How far the server's alert comes through before it hangs up is chance.
        (True, False, "localhost"),
    ],
)
async def test_a_certificate_that_is_not_accepted_is_named_as_the_ordinary_client_names_it(
    authority: trustme.CA, trusts: bool, shows: bool, says: str
) -> None:
    context = client_context(authority if trusts else trustme.CA(), authority if shows else None)
    shown = Plain(context)
    async with served(Server(), server_context(authority)) as server:
        platform = platform_at(f"https://localhost:{server.port}", lambda _: shown)
        answers = await asked(platform, count=5)
        await platform.close()
    assert all(isinstance(answer, Unreachable) and says in answer.detail for answer in answers), answers
    assert server.shown == []
