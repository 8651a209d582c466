"""The desk lets go of what memory lets go of."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from rollout.core.names import RolloutId
from rollout.daemon.auth.opening import open_tokens
from rollout.daemon.host import Host
from rollout.daemon.http.desk import Desk
from rollout.daemon.http.limits import HttpLimits
from rollout.daemon.http.static import Files
from rollout.daemon.knowledge import CLOSED_KEPT_MAX
from rollout.daemon.site import Site
from rollout.policy.bundle import Bundle
from rollout.settings.daemon import Daemon
from rollout.simulation.world import Parts, World


def test_a_closed_rollout_that_memory_lets_go_of_is_no_longer_held_by_what_was_read_of_it(
    make_world: Callable[..., World],
    bundle: Callable[..., Bundle],
    host_of: Callable[[Parts], AbstractAsyncContextManager[Host]],
    tmp_path: Path,
) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    given = bundle(["svc-0001"], tolerance=1)

    async def script(parts: Parts) -> tuple[int, int]:
        async with host_of(parts) as host:
            site = Site(host, open_tokens(tmp_path / "state"), None, Daemon(), tmp_path)
            desk = Desk(site, HttpLimits(), Files(), {})
            await host.submit(given, actor="ann")
            await host.outcome(RolloutId("web-1"))
            before = len(desk.read("web-1").services)
            for number in range(CLOSED_KEPT_MAX):  # others that were asked for since
                host.keep_in_memory(RolloutId(f"other-{number}"))
            return before, len(desk.read("web-1").services)

    assert make_world().live(script).result == (1, 0)
