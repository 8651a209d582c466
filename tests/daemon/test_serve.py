"""The daemon's life on real sockets: it serves, tells the service manager, drains, and goes on in the next life."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import trustme
from aiohttp import web

from rollout.core.names import RolloutId
from rollout.daemon.auth import open_tokens
from rollout.daemon.notify import Notifier
from rollout.daemon.serve import Front, serve
from rollout.daemon.site import Site
from rollout.emulator.fabric import Fabric
from rollout.emulator.fleet import FleetPlan, populate
from rollout.emulator.knobs import Knobs
from rollout.emulator.server import serve as serve_fabric
from rollout.engine.clock import EngineClock
from rollout.errors import StateInUse, UsageError
from rollout.policy.bundle import Bundle
from rollout.settings import RunSettings
from rollout.settings.daemon import Daemon, Listen

BRISK = "health: {stable_duration: 100ms, interval: 100ms, retry_timeout: 5s}\nwalk: {bake_before_last: 0s}\n"
ANY_PORT = Listen("127.0.0.1", 0)

Bundles = Callable[..., Bundle]


class Life:
    """One daemon in this process, and what its front was given."""

    def __init__(self, url: str, site: Site, stop: asyncio.Event) -> None:
        self.url = url
        self.site = site
        self.stop = stop


@asynccontextmanager
async def living(run: RunSettings, settings: Daemon, **environ: str) -> AsyncIterator[Life]:
    sites: list[Site] = []

    async def hello(_request: web.Request) -> web.Response:
        return web.Response(text=sites[0].host.trouble() or "fine")

    def make_app(site: Site) -> web.Application:
        sites.append(site)
        app = web.Application()
        app.router.add_get("/", hello)
        return app

    stop, urls = asyncio.Event(), asyncio.Queue[str]()
    async with asyncio.TaskGroup() as group:
        front = Front(open_tokens, make_app)
        serving = group.create_task(serve(run, settings, front, stop, ready=urls.put_nowait, environ=environ))
        getting = group.create_task(urls.get())
        await asyncio.wait([serving, getting], return_when=asyncio.FIRST_COMPLETED)
        if getting.done():
            yield Life(getting.result(), sites[0], stop)
        stop.set()
        getting.cancel()


@pytest.fixture
def fabric() -> Fabric:
    made = Fabric(time.monotonic, Knobs(time_scale=3_000.0), 0)
    populate(made, FleetPlan(4, 2))
    return made


@pytest.fixture
def heard() -> Iterator[tuple[str, socket.socket]]:
    """Listen as a service manager does, under a name in the abstract namespace."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("")
        manager.settimeout(0)
        yield "@" + manager.getsockname()[1:].decode(), manager


def datagrams(manager: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(manager.recv(1_000).decode())
        except BlockingIOError:
            return found


async def test_a_daemon_that_is_told_to_stop_finishes_its_calls_and_the_next_one_goes_on(
    fabric: Fabric, bundle: Bundles, tmp_path: Path
) -> None:
    given = bundle([f"svc-{n:04}" for n in range(1, 5)], more=BRISK)
    async with serve_fabric(fabric) as endpoint:
        run = RunSettings(endpoint, tmp_path / "state")
        async with living(run, Daemon(listen=ANY_PORT)) as life:
            await life.site.host.submit(given, actor="ann")
            async for _ in life.site.host.follow():
                if len(fabric.log()) >= 3:
                    break
        at_end = len(fabric.log())
        assert 3 <= at_end < 12
        async with living(run, Daemon(listen=ANY_PORT)) as life:
            assert (await life.site.host.outcome(RolloutId("web-1"))).outcome == "succeeded"
    effects = [(each.service, each.verb, each.domain) for each in fabric.log()]
    assert len(effects) == len(set(effects)) == 12


async def test_the_service_manager_hears_that_it_serves_lives_and_ends(
    fabric: Fabric, heard: tuple[str, socket.socket], tmp_path: Path
) -> None:
    name, manager = heard
    async with serve_fabric(fabric) as endpoint:
        run = RunSettings(endpoint, tmp_path / "state")
        environ: dict[str, str] = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "50000"}
        async with living(run, Daemon(listen=ANY_PORT), **environ) as life:
            async with aiohttp.ClientSession() as session, session.get(life.url) as answer:
                assert await answer.text() == "fine"
            signs: list[str] = []
            while signs.count("WATCHDOG=1") < 3:
                signs += datagrams(manager)
                await asyncio.sleep(0.01)
    signs += datagrams(manager)
    assert any(each.startswith("READY=1\nSTATUS=serving http://127.0.0.1:") for each in signs)
    assert signs[-1].startswith("STOPPING=1")


async def test_who_is_not_watched_gives_no_sign_of_life(heard: tuple[str, socket.socket]) -> None:
    clock = EngineClock.on_running_loop(0.0, time.time)
    name, manager = heard
    for environ in ({}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}):
        await Notifier({"NOTIFY_SOCKET": name, **environ}).watch(clock)
    Notifier({}).ready("nobody hears it")
    Notifier({"NOTIFY_SOCKET": "/nowhere/at/all"}).stopping()
    assert datagrams(manager) == []


async def test_a_port_in_use_is_found_out_before_anything_is_begun(fabric: Fabric, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Daemon(listen=Listen("127.0.0.1", taken.getsockname()[1]))
        async with serve_fabric(fabric) as endpoint:
            with pytest.raises(ExceptionGroup) as caught:
                async with living(RunSettings(endpoint, tmp_path / "state"), settings):
                    pass
    assert caught.group_contains(UsageError, match="cannot listen on 127.0.0.1:.*choose another one")
    assert not (tmp_path / "state").exists()


async def test_a_second_daemon_over_the_same_state_is_refused(fabric: Fabric, tmp_path: Path) -> None:
    async with serve_fabric(fabric) as endpoint:
        run = RunSettings(endpoint, tmp_path / "state")
        async with living(run, Daemon(listen=ANY_PORT)):
            with pytest.raises(ExceptionGroup) as caught:
                async with living(run, Daemon(listen=ANY_PORT)):
                    pass
    assert caught.group_contains(StateInUse, match="rollout daemon")


async def test_with_a_certificate_only_https_is_spoken(fabric: Fabric, tmp_path: Path) -> None:
    authority = trustme.CA()
    files = authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem
    files.write_to_path(str(tmp_path / "chain.pem"))
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    settings = Daemon(listen=ANY_PORT, certificate=tmp_path / "chain.pem")
    async with serve_fabric(fabric) as endpoint, living(RunSettings(endpoint, tmp_path / "state"), settings) as life:
        assert life.url.startswith("https://")
        async with aiohttp.ClientSession() as session:
            async with session.get(life.url, ssl=trust) as answer:
                assert await answer.text() == "fine"
            with pytest.raises(aiohttp.ClientError):
                await session.get(life.url.replace("https", "http"))


@pytest.mark.parametrize("listen", [Listen("192.0.2.1", 0), Listen("::", 0)])
async def test_without_a_certificate_nothing_but_loopback_is_bound(listen: Listen, tmp_path: Path) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with living(RunSettings("http://127.0.0.1:1", tmp_path / "state"), Daemon(listen=listen)):
            pass
    assert caught.group_contains(UsageError, match="without daemon.certificate there is no TLS")
