"""Hooks reach no address they must not, follow nobody, and read no more than they may: cases F1 to F8."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from rollout.core.check_plan import CheckPlan, HttpSource
from rollout.core.event import Evidence, Verdict
from rollout.core.names import RolloutId, ServiceName, Slot, Target
from rollout.core.snapshot import Absent, Observation
from rollout.gates.check import Question
from rollout.gates.fetch import BODY_BYTES_MAX, Answer, Fetcher, NoAnswer, Request
from rollout.gates.guard import Guard
from rollout.gates.http import HttpCheck

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


async def nowhere(host: str, port: int) -> list[str]:
    raise AssertionError(f"{host}:{port} was looked up")


async def absent() -> Observation:
    return Absent("nobody looks")


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    """Serve on loopback; gives the port."""
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def judged(url: str, *allowed: str, lookup: Callable[[str, int], Awaitable[list[str]]] = nowhere) -> Evidence:
    fetcher = Fetcher(Guard(allowed), lookup)
    plan = CheckPlan("http", "http", 5.0)
    target = Target("sub", ServiceName("web"), Slot.PRODUCTION)
    try:
        async with asyncio.timeout(5):
            return await HttpCheck(plan, HttpSource(url), fetcher).ask(
                Question(RolloutId("web-1"), target, (0,), absent)
            )
    finally:
        await fetcher.close()


async def never_asked(url: str, because: str, *allowed: str) -> None:
    evidence = await judged(url, *allowed)
    assert evidence.verdict is Verdict.UNKNOWN
    assert evidence.detail.startswith("not asked: ")
    assert because in evidence.detail


async def test_f1_the_metadata_address_is_never_asked_even_if_listed() -> None:
    for allowed in ((), ("169.254.169.254",), ("0.0.0.0/0",)):
        await never_asked("http://169.254.169.254/latest/meta-data/", "never asked", *allowed)


@pytest.mark.parametrize(
    "host",
    [
        "168.63.129.16",
        "0.0.0.0",  # noqa: S104 - an address that is refused, not one to bind
        "224.0.0.1",
        "255.255.255.255",
        "[::]",
        "[fe80::1]",
        "[ff02::1]",
        "[fd00:ec2::254]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
        "100.100.100.200",
    ],
)
async def test_f1_other_addresses_that_nobody_may_open(host: str) -> None:
    await never_asked(f"http://{host}/", "never asked", host.strip("[]"), "0.0.0.0/0", "::/0")


@pytest.mark.parametrize(
    "host", ["[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[::ffff:127.0.0.1]", "[::127.0.0.1]"]
)
async def test_f2_ipv4_in_the_clothes_of_ipv6_is_never_asked(host: str) -> None:
    await never_asked(f"http://{host}/", "never asked", "127.0.0.1", "::/0")


@pytest.mark.parametrize(
    "host", ["0x7f.1", "2130706433", "127.1", "0177.0.0.1", "0x7f000001", "127.0.0.1.", "127.000.000.001", "%31"]
)
async def test_f3_a_spelling_of_an_address_that_is_not_canonical_is_never_asked(host: str) -> None:
    evidence = await judged(f"http://{host}/", "127.0.0.1", "127.0.0.0/8")
    assert evidence.verdict is Verdict.UNKNOWN
    assert "no canonical spelling" in evidence.detail


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://127.0.0.1:70/", "ftp://a.example/", "//a.example/"])
async def test_f4_only_http_and_https_are_asked(url: str) -> None:
    await never_asked(url, "only http and https", "127.0.0.1")


async def test_f5_a_name_that_changes_between_look_ups_is_looked_up_once_and_that_address_is_connected() -> None:
    met: list[str] = []
    answers = [["127.0.0.1"], ["169.254.169.254"]]

    async def rebinding(host: str, _port: int) -> list[str]:
        met.append(host)
        return answers[len(met) - 1]

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        met.append(request.remote or "")
        return web.Response(text="ok")

    async with serving(handler) as port:
        evidence = await judged(f"http://rebind.example:{port}/", "rebind.example", lookup=rebinding)
    assert evidence.verdict is Verdict.PASS
    assert met == ["rebind.example", "127.0.0.1"]


@pytest.mark.parametrize("addresses", [["169.254.169.254"], ["10.1.2.3"], ["93.184.216.34", "127.0.0.1"], ["::1"]])
async def test_f5_a_name_with_one_address_that_must_not_be_asked_is_not_asked_at_all(addresses: list[str]) -> None:
    async def lookup(_host: str, _port: int) -> list[str]:
        return addresses

    evidence = await judged("http://sneaky.example/", lookup=lookup)
    assert evidence.verdict is Verdict.UNKNOWN
    assert evidence.detail.startswith("not asked: ")


async def test_f6_a_redirect_is_not_followed_and_does_not_pass() -> None:
    asked: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request.path)
        raise web.HTTPTemporaryRedirect("http://169.254.169.254/latest/")

    async with serving(handler) as port:
        evidence = await judged(f"http://127.0.0.1:{port}/healthz", "127.0.0.1")
    assert evidence.verdict is Verdict.FAIL
    assert evidence.detail == "answered 307, and redirects are not followed"
    assert asked == ["/healthz"]


async def test_f7_an_endless_body_is_cut_at_64_kib_and_does_not_pass() -> None:
    sent = 0

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 1 << 30:
            await response.write(b"a" * 65_536)
            sent += 65_536
        return response

    async with serving(handler) as port:
        fetcher = Fetcher(Guard(["127.0.0.1"]))
        answer = await fetcher.fetch(Request(f"http://127.0.0.1:{port}/"))
        await fetcher.close()
        evidence = await judged(f"http://127.0.0.1:{port}/", "127.0.0.1")
    assert isinstance(answer, Answer)
    assert (len(answer.body), answer.cut) == (BODY_BYTES_MAX, True)
    assert evidence.verdict is Verdict.UNKNOWN
    assert sent < 1 << 28


@pytest.mark.parametrize("url", ["http://user:pass@127.0.0.1/", "https://user@a.example/", "http://:pass@a.example/"])
async def test_f8_a_url_with_a_user_or_a_password_is_never_asked(url: str) -> None:
    evidence = await judged(url, "127.0.0.1")
    assert evidence.verdict is Verdict.UNKNOWN
    assert "user name or password" in evidence.detail
    assert "pass@" not in evidence.detail


# --- what the settings open ---


@pytest.mark.parametrize(
    ("url", "allowed", "asked"),
    [
        ("http://127.0.0.1/", ["127.0.0.1"], True),
        ("http://127.0.0.1/", [], False),
        ("http://10.1.2.3/", [], False),
        ("http://10.1.2.3/", ["10.0.0.0/8"], True),
        ("http://192.168.0.1/", ["10.0.0.0/8"], False),
        ("http://[::1]/", ["::1"], True),
        ("http://[::1]/", ["127.0.0.1"], False),
        ("http://93.184.216.34/", [], True),
        ("http://[2606:2800:220:1::1]/", [], True),
        ("http://100.64.0.1/", [], False),
    ],
)
def test_addresses_inside_are_asked_only_if_the_settings_list_them(
    url: str, allowed: list[str], *, asked: bool
) -> None:
    assert (Guard(allowed).url_fault(url) is None) is asked


@pytest.mark.parametrize(
    ("host", "allowed", "asked"),
    [
        ("gate.internal", ["gate.internal"], True),
        ("GATE.internal.", ["gate.internal"], True),
        ("a.internal", ["*.internal"], True),
        ("internal", ["*.internal"], False),
        ("eviltointernal", ["*.internal"], False),
        ("gate.internal.evil.example", ["gate.internal"], False),
    ],
)
async def test_a_name_inside_is_asked_only_if_the_settings_list_it(
    host: str, allowed: list[str], *, asked: bool
) -> None:
    async def lookup(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        fetcher = Fetcher(Guard(allowed), lookup)
        answer = await fetcher.fetch(Request(f"http://{host}:{closed.getsockname()[1]}/"))
        await fetcher.close()
    assert isinstance(answer, NoAnswer)
    assert answer.down is asked, answer.detail


async def test_no_cookie_credential_or_proxy_of_ours_is_ever_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    monkeypatch.setenv("NETRC", "/nonexistent")
    shown: list[dict[str, str]] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        shown.append(dict(request.headers))
        response = web.Response(text="ok")
        response.set_cookie("session", "secret")
        return response

    async with serving(handler) as port:
        fetcher = Fetcher(Guard(["127.0.0.1"]))
        for _ in range(2):
            assert isinstance(await fetcher.fetch(Request(f"http://127.0.0.1:{port}/")), Answer)
        await fetcher.close()
    assert len(shown) == 2
    assert {name.lower() for name in shown[1]} <= {"host", "user-agent", "accept", "accept-encoding"}
