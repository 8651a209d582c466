"""A host that is to stop while its disk is full: it does, says what was not written down, and nothing is lost by it."""

import asyncio
import itertools
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest

from rollout.assembly import make_kit
from rollout.core.names import RolloutId
from rollout.core.result import ExitCode
from rollout.daemon.host import Host
from rollout.emulator.fleet import FleetPlan
from rollout.emulator.knobs import Knobs
from rollout.errors import JournalFull
from rollout.journal.carrier import DRAIN_ROOM_S_MAX, FULL_RETRY_S
from rollout.journal.journal import Recorded
from rollout.policy.bundle import Bundle
from rollout.settings import RunSettings
from rollout.simulation.disk import CalmDisk, Disk
from rollout.simulation.disk_journal import DiskJournal
from rollout.simulation.world import Parts, World

ONE = RolloutId("web-1")
SERVICES = ("svc-0001", "svc-0002")
DOMAINS = 3
REQUEST_TIMEOUT_S = 30.0
LONG_S = 300.0
"""Long enough that something was to be written down by then."""
IN_A_CALL_S = 31.4
"""A walk is intended, and its answer has not come."""
MOMENTS = ((0.2, LONG_S), (30.0, LONG_S), (IN_A_CALL_S, 0.0), (IN_A_CALL_S, LONG_S), (180.0, LONG_S), (400.0, LONG_S))
"""When the disk fills up, and how long it is full before the host is to stop."""

Bundles = Callable[..., Bundle]
Hosts = Callable[[Parts], AbstractAsyncContextManager[Host]]


class Filling(CalmDisk):
    """A disk that is full while somebody says so."""

    full = False

    def strike(self, what: str) -> str | None:
        return "disk_full" if self.full and what == "write" else None

    def amount(self, low: float, high: float, what: str) -> float:  # noqa: ARG002 - the same each time
        return 0.5 if what == "full" else low


class Filled:
    """A world on a disk that fills up, and what its hosts have told anybody."""

    def __init__(self, folder: Path) -> None:
        self.weather = Filling()
        self.told: list[Recorded] = []
        disk = Disk(self.weather, lambda: self.world.time())  # noqa: PLW0108 - the world is made around its journal
        self.journal = DiskJournal(disk)
        kit = partial(make_kit, RunSettings("http://127.0.0.1:1", folder))
        self.world = World(kit, FleetPlan(2, DOMAINS), Knobs(), journal=self.journal)

    def stop(
        self, given: Bundle, host_of: Hosts, moment: tuple[float, float], room_after_s: float | None = None
    ) -> float:
        """Have a host stop on a full disk; give how long that took. Raises what the host does."""
        drained: list[float] = []

        async def script(parts: Parts) -> None:
            now = asyncio.get_running_loop().time
            try:
                async with host_of(parts) as host:
                    parts.kit.ledger.listen(self.told.extend)
                    await host.submit(given, actor="ann")
                    await asyncio.sleep(moment[0])
                    self.weather.full = True
                    await asyncio.sleep(moment[1])
                    drained.append(now())
                    if room_after_s is not None:
                        asyncio.get_running_loop().call_later(room_after_s, self._make_room)
            finally:
                drained.append(now())

        try:
            self.world.live(script)
        finally:
            began, *_, ended = [*drained, self.world.time()]
            self.took_s = ended - began
        return self.took_s

    def _make_room(self) -> None:
        self.weather.full = False

    def go_on(self, host_of: Hosts) -> ExitCode:
        """Have a later host go on where there is room again, after a power failure to make it worse."""
        self.weather.full = False
        self.journal.recover(power_lost=True)

        async def script(parts: Parts) -> ExitCode:
            async with host_of(parts) as host:
                return (await host.outcome(ONE)).code

        found = self.world.live(script).result
        assert found is not None
        return found


def walks(world: World) -> list[tuple[str, int | None]]:
    return [(each.service, each.domain) for each in world.log() if each.verb == "walk"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_host_stops_on_a_full_disk_says_what_was_not_written_down_and_nothing_told_is_lost(
    moment: tuple[float, float], bundle: Bundles, host_of: Hosts, tmp_path: Path
) -> None:
    filled = Filled(tmp_path)
    with pytest.raises(JournalFull, match=r"entries could be written down, about web-1.*Nothing that was answered"):
        filled.stop(bundle(SERVICES, tolerance=1), host_of, moment)
    assert DRAIN_ROOM_S_MAX <= filled.took_s <= DRAIN_ROOM_S_MAX + REQUEST_TIMEOUT_S + 2 * FULL_RETRY_S
    assert filled.go_on(host_of) is ExitCode.AS_ALLOWED
    kept = asyncio.run(_all(filled.journal))
    assert filled.told == kept[: len(filled.told)]
    assert sorted(walks(filled.world)) == sorted(itertools.product(SERVICES, range(DOMAINS)))


def test_a_host_that_finds_room_in_time_stops_as_ever(bundle: Bundles, host_of: Hosts, tmp_path: Path) -> None:
    filled = Filled(tmp_path)
    took_s = filled.stop(bundle(SERVICES, tolerance=1), host_of, (IN_A_CALL_S, LONG_S), room_after_s=3.0)
    assert 3.0 <= took_s < DRAIN_ROOM_S_MAX
    assert filled.go_on(host_of) is ExitCode.AS_ALLOWED
    assert sorted(walks(filled.world)) == sorted(itertools.product(SERVICES, range(DOMAINS)))


async def _all(journal: DiskJournal) -> list[Recorded]:
    return list(await journal.read_after(0, 100_000))
