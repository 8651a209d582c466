"""Copies of a state: taken while the engine runs, put back, and gone on from without any call made twice."""

import asyncio
import sqlite3
import stat
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from rollout.cli.main import cli
from rollout.core.names import RolloutId, ServiceName
from rollout.core.phase import ForeignChange
from rollout.daemon.host import Host
from rollout.daemon.restore import restore
from rollout.emulator.fabric import Fabric
from rollout.emulator.fleet import FleetPlan, populate
from rollout.emulator.knobs import Knobs
from rollout.emulator.server import serve
from rollout.errors import JournalDamaged, UsageError
from rollout.journal.backup import back_up, check
from rollout.policy.bundle import Bundle
from rollout.settings import RunSettings

ONE = RolloutId("web-1")
BRISK = "health: {stable_duration: 100ms, interval: 100ms, retry_timeout: 5s}\nwalk: {bake_before_last: 0s}\n"
TIMEOUT_S = 0.25
"""Of requests, and a fourth of the quarantine."""
NAMES = ["svc-0001", "svc-0002"]

Bundles = Callable[..., Bundle]


@pytest.fixture
def fabric() -> Fabric:
    made = Fabric(time.monotonic, Knobs(time_scale=3_000.0), 0)
    populate(made, FleetPlan(2, 3))
    return made


async def until_effects(host: Host, fabric: Fabric, count: int) -> None:
    async for _ in host.follow():
        if len(fabric.log()) >= count:
            return


async def test_a_copy_taken_in_the_middle_goes_on_after_the_quarantine_and_leaves_what_the_old_host_did_to_people(
    fabric: Fabric, bundle: Bundles, tmp_path: Path
) -> None:
    given = bundle(NAMES, more=BRISK)
    copy, old, new = tmp_path / "copy", tmp_path / "old", tmp_path / "new"
    async with serve(fabric) as endpoint:
        async with Host.opened(RunSettings(endpoint, old, TIMEOUT_S)) as host:
            await host.submit(given, actor="ann")
            await until_effects(host, fabric, 4)
            made = back_up(old, copy)
            assert stat.S_IMODE(copy.stat().st_mode) == 0o600
            assert made == check(copy)
            await until_effects(host, fabric, 5)
        known, at_end = made.position, len(fabric.log())
        found = await restore(copy, new, who="ann", request_timeout_s=TIMEOUT_S)
        assert (found.backup.position, found.open_rollouts) == (known, (ONE,))
        began = time.monotonic()
        first: list[float] = []
        async with Host.opened(RunSettings(endpoint, new, TIMEOUT_S)) as host:
            waiting = asyncio.create_task(host.outcome(ONE))
            while not waiting.done():
                await asyncio.sleep(0.01)
                if len(fabric.log()) > at_end and not first:
                    first.append(time.monotonic() - began)
            ended = host.services(ONE)
            assert waiting.result().outcome in {"waits for a person", "succeeded"}
        if first:
            assert first[0] >= 4 * TIMEOUT_S
    effects = Counter((each.service, each.verb, each.domain) for each in fabric.log())
    assert set(effects.values()) == {1}, effects
    ours = Counter(each.service for each in fabric.log()[at_end:])
    taken = [name for name, state in ended.items() if isinstance(state.phase, ForeignChange)]
    assert not set(taken) & ours.keys(), "whatever somebody else took further is not touched any more"


async def test_what_stood_still_since_the_copy_is_finished_by_the_new_host(
    fabric: Fabric, bundle: Bundles, tmp_path: Path
) -> None:
    given = bundle(NAMES, more=BRISK)
    async with serve(fabric) as endpoint:
        async with Host.opened(RunSettings(endpoint, tmp_path / "old", TIMEOUT_S)) as host:
            await host.submit(given, actor="ann")
            await until_effects(host, fabric, 4)
        back_up(tmp_path / "old", tmp_path / "copy")
        await restore(tmp_path / "copy", tmp_path / "new", who="ann", request_timeout_s=TIMEOUT_S)
        async with Host.opened(RunSettings(endpoint, tmp_path / "new", TIMEOUT_S)) as host:
            assert (await host.outcome(ONE)).outcome == "succeeded"
            assert {ServiceName(name) for name in NAMES} == host.services(ONE).keys()
    effects = Counter((each.service, each.verb, each.domain) for each in fabric.log())
    assert len(effects) == 8
    assert set(effects.values()) == {1}


@pytest.fixture
async def copy(fabric: Fabric, bundle: Bundles, tmp_path: Path) -> Path:
    async with serve(fabric) as endpoint, Host.opened(RunSettings(endpoint, tmp_path / "old")) as host:
        await host.submit(bundle(NAMES, more=BRISK), actor="ann")
    back_up(tmp_path / "old", tmp_path / "copy")
    return tmp_path / "copy"


async def test_a_backup_is_not_written_over_and_a_state_that_has_a_journal_is_not_restored_into(
    copy: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="is there already"):
        back_up(tmp_path / "old", copy)
    with pytest.raises(UsageError, match="has a journal already"):
        await restore(copy, tmp_path / "old", who="ann", request_timeout_s=1.0)


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE entries SET payload = replace(payload, 'svc-0001', 'svc-0002') WHERE position = 2",
        "DELETE FROM entries WHERE position = (SELECT max(position) FROM entries)",
        "UPDATE heartbeat SET position = position + 1",
    ],
)
async def test_a_copy_that_was_changed_is_not_restored(harm: str, copy: Path, tmp_path: Path) -> None:
    with sqlite3.connect(copy) as connection:
        connection.execute(harm)
    connection.close()
    with pytest.raises(JournalDamaged):
        await restore(copy, tmp_path / "new", who="ann", request_timeout_s=1.0)
    assert not (tmp_path / "new" / "journal.sqlite").exists()


def test_nothing_is_restored_until_somebody_says_that_the_old_host_is_dead(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    refused = runner.invoke(cli, ["state", "restore", str(copy), "--state", str(tmp_path / "new")])
    assert refused.exit_code == 64
    assert "--old-host-is-dead" in refused.output
    assert not (tmp_path / "new").exists()
    words = ["state", "restore", str(copy), "--state", str(tmp_path / "new"), "--old-host-is-dead"]
    done = runner.invoke(cli, words)
    assert done.exit_code == 0, done.output
    assert "open rollouts: web-1" in done.output
    again = runner.invoke(cli, ["state", "backup", str(tmp_path / "second"), "--state", str(tmp_path / "new")])
    assert again.exit_code == 0, again.output
    assert check(tmp_path / "second").position == check(copy).position + 1
