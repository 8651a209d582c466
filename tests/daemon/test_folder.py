"""The policy folder in virtual time: what is offered, submitted by itself or refused, and its limits."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rollout.core.names import RolloutId, rollout_stream
from rollout.core.result import ExitCode
from rollout.daemon import folder as room
from rollout.daemon.folder import Offer, PolicyFolder, State, Submit, owner
from rollout.daemon.host import Host
from rollout.errors import CommandRefused, PolicyError, UsageError
from rollout.journal.offload import OneThread
from rollout.policy.bundle import Bundle
from rollout.simulation.world import Parts, World

EVERY_S = 5.0
AUTO = "submit: auto\n"
ONE = RolloutId("web-1")

Bundles = Callable[..., Bundle]
Worlds = Callable[..., World]
Hosts = Callable[[Parts], AbstractAsyncContextManager[Host]]
Script = Callable[[Host, PolicyFolder], Any]


@pytest.fixture
def watched(make_world: Worlds, host_of: Hosts, tmp_path: Path) -> Callable[[Script], Any]:
    """Run a script beside a folder that is watched; the bundles of a test are written there."""

    @asynccontextmanager
    async def watching(host: Host) -> AsyncIterator[PolicyFolder]:
        offload = OneThread()
        folder = PolicyFolder(tmp_path, host, offload, every_s=EVERY_S)
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(folder.run())
            yield folder
            reading.cancel()
        offload.close()

    def run(script: Script) -> Any:
        async def main(parts: Parts) -> Any:
            async with host_of(parts) as host, watching(host) as folder:
                return await script(host, folder)

        return make_world().live(main).result

    return run


def states(offers: Sequence[Offer]) -> dict[str, State]:
    return {offer.name: offer.state for offer in offers}


async def looked(times: int = 2) -> None:
    """Let the folder be read so often."""
    await asyncio.sleep(EVERY_S * times + 1.0)


def test_a_policy_is_offered_and_runs_when_a_person_submits_it(watched: Callable[..., Any], bundle: Bundles) -> None:
    bundle()

    async def script(host: Host, folder: PolicyFolder) -> list[Any]:
        await looked()
        offered = states(folder.offered())
        assert host.rollouts() == {}
        assert (await folder.submit("web-1.yaml", actor="ann")).created
        running = states(folder.offered())
        assert host.rollout(ONE).plan.rollout == ONE
        await host.outcome(ONE)
        return [offered, running, states(folder.offered())]

    expected = [{"web-1.yaml": state} for state in (State.OFFERED, State.RUNNING, State.ENDED)]
    assert watched(script) == expected


def test_a_new_policy_that_says_so_is_submitted_once_in_the_name_of_who_put_it_there(
    watched: Callable[..., Any], bundle: Bundles, tmp_path: Path
) -> None:
    async def script(host: Host, folder: PolicyFolder) -> str:
        await looked()
        bundle(more=AUTO)
        await looked(3)
        assert folder.offered()[0].submit is Submit.AUTO
        assert (await host.outcome(ONE)).code is ExitCode.AS_ALLOWED
        await looked(3)
        assert states(folder.offered()) == {"web-1.yaml": State.ENDED}
        return (await host.entries(rollout_stream(ONE)))[0].entry.actor

    assert watched(script) == owner(tmp_path)


def test_a_file_that_still_grows_is_not_taken(watched: Callable[..., Any], bundle: Bundles, tmp_path: Path) -> None:
    async def script(host: Host, _folder: PolicyFolder) -> list[int]:
        bundle(more=AUTO)
        counts = []
        for _ in range(4):
            await asyncio.sleep(EVERY_S)
            with (tmp_path / "web-1.yaml").open("a") as file:
                file.write("# more is to come\n")
            counts.append(len(host.rollouts()))
        await looked()
        return [*counts, len(host.rollouts())]

    assert watched(script) == [0, 0, 0, 0, 1]


def test_a_changed_policy_of_a_running_rollout_is_refused_with_the_difference(
    watched: Callable[..., Any], bundle: Bundles
) -> None:
    bundle(more=AUTO)

    async def script(host: Host, folder: PolicyFolder) -> Offer:
        await looked()
        before = host.rollout(ONE).plan
        bundle(more=AUTO + "timeout: 3h\n")
        await looked()
        assert host.rollout(ONE).plan == before
        with pytest.raises(CommandRefused):
            await folder.submit("web-1.yaml", actor="ann")
        return folder.offered()[0]

    offer = watched(script)
    assert offer.state is State.REFUSED
    assert "+timeout: 3h" in offer.diff
    assert "give the changed policy a new `rollout:` id" in offer.why


def test_what_only_looks_different_is_the_same_policy(watched: Callable[..., Any], bundle: Bundles) -> None:
    bundle(more=AUTO)

    async def script(_host: Host, folder: PolicyFolder) -> dict[str, State]:
        await looked()
        bundle(more=AUTO + "# a remark\n")
        await looked()
        return states(folder.offered())

    assert watched(script) == {"web-1.yaml": State.RUNNING}


def test_a_policy_that_was_run_otherwise_with_other_documents_is_refused_from_then_on(
    watched: Callable[..., Any], bundle: Bundles
) -> None:
    other = bundle(more="timeout: 3h\n")
    bundle()

    async def script(host: Host, folder: PolicyFolder) -> list[State]:
        await looked()
        first = folder.offered()[0].state
        await host.submit(other, actor="ann")
        await looked(1)
        return [first, folder.offered()[0].state]

    assert watched(script) == [State.OFFERED, State.REFUSED]


def test_a_broken_policy_is_shown_with_the_places_of_what_is_wrong(
    watched: Callable[..., Any], bundle: Bundles, tmp_path: Path
) -> None:
    bundle(rollout="web-2")
    (tmp_path / "bad.yaml").write_text("rollout: bad\nwaves: [{name: a, max_parallel: -1}]\n", encoding="utf-8")

    async def script(_host: Host, folder: PolicyFolder) -> Sequence[Offer]:
        await looked()
        with pytest.raises(PolicyError):
            await folder.submit("bad.yaml", actor="ann")
        with pytest.raises(UsageError, match="no policy none"):
            await folder.submit("none.yaml", actor="ann")
        return folder.offered()

    bad, good = watched(script)
    assert (bad.name, bad.state, good.state) == ("bad.yaml", State.BROKEN, State.OFFERED)
    assert {(each.file, each.line, each.path) for each in bad.problems} >= {
        (str(tmp_path / "bad.yaml"), 2, "waves[0].max_parallel")
    }


def test_what_was_changed_after_it_was_offered_is_not_submitted_unseen(
    watched: Callable[..., Any], bundle: Bundles
) -> None:
    bundle()

    async def script(host: Host, folder: PolicyFolder) -> int:
        await looked()
        bundle(more="timeout: 3h\n")
        with pytest.raises(CommandRefused, match="changed since it was offered"):
            await folder.submit("web-1.yaml", actor="ann")
        return len(host.rollouts())

    assert watched(script) == 0


def test_a_submission_that_the_world_refused_is_tried_again_after_a_while(
    watched: Callable[..., Any], bundle: Bundles
) -> None:
    holder = bundle(["svc-0001"], rollout="web-0")

    async def script(host: Host, folder: PolicyFolder) -> list[State]:
        await host.submit(holder, actor="ann")
        bundle(["svc-0001"], more=AUTO)
        await looked()
        first = {each.name: each for each in folder.offered()}["web-1.yaml"]
        assert "web-0" in first.why
        await host.outcome(RolloutId("web-0"))
        await asyncio.sleep(room.RETRY_S + 2 * EVERY_S)
        return [first.state, {each.name: each.state for each in folder.offered()}["web-1.yaml"]]

    assert watched(script) == [State.REFUSED, State.RUNNING]


def test_a_folder_that_is_gone_or_open_to_everybody_is_said_and_nothing_of_it_runs(
    watched: Callable[..., Any], bundle: Bundles, tmp_path: Path
) -> None:
    bundle(more=AUTO)
    tmp_path.chmod(0o777)

    async def script(host: Host, folder: PolicyFolder) -> tuple[str | None, int, str | None]:
        await looked()
        said, count = folder.trouble, len(host.rollouts())
        tmp_path.chmod(0o700)  # noqa: ASYNC240 - the test's own folder
        await looked(1)
        return said, count, folder.trouble

    said, count, later = watched(script)
    assert "everybody may write to it" in said
    assert (count, later) == (0, None)


def test_links_are_not_followed(watched: Callable[..., Any], bundle: Bundles, tmp_path: Path) -> None:
    bundle()
    (tmp_path / "link.yaml").symlink_to(tmp_path / "web-1.yaml")

    async def script(_host: Host, folder: PolicyFolder) -> dict[str, State]:
        await looked()
        return states(folder.offered())

    assert watched(script) == {"web-1.yaml": State.OFFERED}


def test_more_policies_than_the_limit_are_not_read_and_that_is_said(
    watched: Callable[..., Any], tmp_path: Path
) -> None:
    for number in range(room.POLICIES_MAX + 1):
        (tmp_path / f"p-{number:04}.yaml").write_text("rollout: x\n", encoding="utf-8")

    async def script(_host: Host, folder: PolicyFolder) -> Offer:
        await looked()
        return folder.offered()[-1]

    assert "one too many" in watched(script).problems[0].message
