"""The engine inside a program: its documentation runs, its functions are asked, and nothing global is touched."""

import asyncio
import doctest
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
import structlog

import rollout
from rollout import ApprovalRequest, Decision, Engine, load_policy, run_blocking
from rollout.core.approvals import plan_digest
from rollout.core.names import ServiceName
from rollout.core.reply import Kind
from rollout.core.result import ExitCode
from rollout.daemon import blocking, embedded
from rollout.emulator.fabric import Fabric
from rollout.emulator.fleet import FleetPlan, populate
from rollout.emulator.knobs import Knobs
from rollout.emulator.server import serve
from rollout.errors import CommandRefused, UsageError
from rollout.gates.python import Subject
from rollout.policy.bundle import Bundle
from rollout.views.timeline import TimelineEntry

Bundles = Callable[..., Bundle]
BRISK = "health: {stable_duration: 100ms, interval: 100ms, retry_timeout: 5s%s}\nwalk: {bake_before_last: 0s}\n"
PLAIN = BRISK % ""
APPROVED = PLAIN + "approve: {by: leads, before: start, within: 1h}\n"


@pytest.fixture
def fabric() -> Fabric:
    made = Fabric(time.monotonic, Knobs(time_scale=3_000.0), 0)
    populate(made, FleetPlan(2, 2))
    return made


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "rollout.toml"
    file.write_text('[groups]\nleads = ["eve"]\n', encoding="utf-8")
    file.chmod(0o600)
    return file


@pytest.fixture
def emulator() -> Iterator[str]:
    """An emulator in another process: what is documented has no loop of its own to spare."""
    own = str(Path(sys.executable).with_name("rollout"))
    command = [own, "emulator", "--port", "0", "--domains", "2", "--time-scale", "3000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:  # noqa: S603 - our own command
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix("listening on ").strip()
        process.terminate()


@pytest.mark.parametrize("module", [blocking, embedded])
def test_what_is_documented_runs(
    module: Any, emulator: str, bundle: Bundles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bundle(rollout="web", more=PLAIN)
    text = (tmp_path / "web.yaml").read_text().replace("name: all", "name: rest")
    (tmp_path / "web.yaml").write_text(text)
    names = {name: getattr(rollout, name) for name in ("Engine", "load_policy", "run_blocking")}
    found = doctest.testmod(module, extraglobs={**names, "url": emulator, "asyncio": asyncio})
    assert found.attempted >= 2
    assert found.failed == 0


@pytest.mark.parametrize("name", rollout.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(rollout, name).__doc__


async def test_checks_of_the_program_are_asked_and_decide(fabric: Fabric, bundle: Bundles, tmp_path: Path) -> None:
    asked: list[Subject] = []

    async def sound(subject: Subject) -> tuple[str, str]:
        asked.append(subject)
        return ("fail", "it smells") if subject.domains == (0,) else ("pass", "fine")

    checked = bundle(more=BRISK % ", checks: [{python: sound, final: true, scope: domain}]")
    async with (
        serve(fabric) as url,
        Engine(tmp_path / "state", endpoint=url, checks={"sound": sound}) as engine,
    ):
        result = await (await engine.submit(checked)).outcome()
    assert result.code is ExitCode.WENT_BACK
    assert "it smells" in result.reason
    assert {each.service for each in asked} == {"svc-0001"}


async def test_an_approver_is_asked_once_and_what_it_says_counts(
    fabric: Fabric, bundle: Bundles, config: Path, tmp_path: Path
) -> None:
    requests: list[ApprovalRequest] = []

    async def approver(request: ApprovalRequest) -> Decision:
        requests.append(request)
        return Decision("eve", approve=True, reason="looked at it")

    async with (
        serve(fabric) as url,
        Engine(tmp_path / "state", endpoint=url, config=config, user="ann", approver=approver) as engine,
    ):
        assert (await (await engine.submit(bundle(more=APPROVED))).outcome()).code is ExitCode.AS_ALLOWED
    assert [(each.rollout, each.by, each.submitter) for each in requests] == [("web-1", "leads", "ann")]


async def test_an_approval_that_waited_while_no_engine_ran_is_asked_for_again(
    fabric: Fabric, bundle: Bundles, config: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"

    async def approver(_request: ApprovalRequest) -> Decision:
        return Decision("eve", approve=True, reason="looked at it")

    async with serve(fabric) as url:
        async with Engine(state, endpoint=url, config=config, user="ann") as engine:
            running = await engine.submit(bundle(more=APPROVED))
            async for news in running.watch():
                if news.kind == "approval_asked":
                    break
        async with Engine(state, endpoint=url, config=config, approver=approver) as engine:
            assert (await engine.rollout("web-1").outcome()).code is ExitCode.AS_ALLOWED


async def test_what_an_approver_or_a_notifier_raises_stops_nothing(
    fabric: Fabric, bundle: Bundles, config: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[TimelineEntry] = []

    async def approver(_request: ApprovalRequest) -> Decision | None:
        raise ValueError("no connection")

    async def notifier(news: TimelineEntry) -> None:
        told.append(news)
        raise ValueError("no connection either")

    async with (
        serve(fabric) as url,
        Engine(
            tmp_path / "state", endpoint=url, config=config, user="ann", approver=approver, notifier=notifier
        ) as engine,
    ):
        running = await engine.submit(bundle(more=APPROVED))
        async for news in running.watch():
            if news.kind == "approval_asked":
                break
        digest = plan_digest(engine.host.rollout(running.id).plan)
        refused = await running.tell("approve", reason="me too", user="ann")
        assert refused.kind is Kind.REFUSED
        assert (await running.tell("approve", reason="yes", user="eve", plan=digest)).kind is Kind.ACCEPTED
        assert (await running.outcome()).code is ExitCode.AS_ALLOWED
    assert [each.position for each in told] == list(range(told[0].position, told[-1].position + 1))
    said = {record.getMessage().split()[0] for record in caplog.records}
    assert {"event=approver_failed", "event=notifier_failed"} <= said


async def test_words_are_said_once_for_each_key_and_unknown_ones_are_refused(
    fabric: Fabric, bundle: Bundles, tmp_path: Path
) -> None:
    async with serve(fabric) as url, Engine(tmp_path / "state", endpoint=url, user="ann") as engine:
        running = await engine.submit(bundle(["svc-0001", "svc-0002"], more=PLAIN))
        first = await running.tell("pause", service="svc-0001", reason="lunch", key="k")
        assert await running.tell("pause", service="svc-0001", reason="lunch", key="k") == first
        assert len(running.services()[ServiceName("svc-0001")].holds) == 1
        with pytest.raises(UsageError, match="wibble"):
            await running.tell("wibble", reason="x")
        with pytest.raises(UsageError, match="wobble"):
            await running.tell("pause", reason="x", wobble=1)
        with pytest.raises(CommandRefused, match="another command"):
            await running.tell("resume", reason="x", key="k")
        await running.tell("resume", reason="back")
        assert (await running.outcome()).code is ExitCode.AS_ALLOWED
        assert [each.id for each in engine.rollouts()] == ["web-1"]


async def test_an_error_of_the_program_comes_out_as_it_is_and_the_rollout_can_go_on(
    fabric: Fabric, bundle: Bundles, tmp_path: Path
) -> None:
    async with serve(fabric) as url:
        engine = Engine(tmp_path / "state", endpoint=url)

        async def program() -> None:
            async with engine:
                await engine.submit(bundle(more=PLAIN))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await program()
        with pytest.raises(UsageError, match="does not run"):
            engine.rollouts()
        async with Engine(tmp_path / "state", endpoint=url) as engine:
            assert (await engine.rollout("web-1").outcome()).code is ExitCode.AS_ALLOWED


def test_nothing_global_is_touched(emulator: str, bundle: Bundles, tmp_path: Path) -> None:
    def everything() -> list[Any]:
        collectors = prometheus_client.REGISTRY._collector_to_names
        signals = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
        return [
            signals,
            asyncio.get_event_loop_policy(),
            list(logging.getLogger().handlers),
            structlog.get_config(),
            set(collectors),
            sys.excepthook,
        ]

    before = everything()
    during: list[Any] = []

    async def notifier(_news: TimelineEntry) -> None:
        during[:] = everything()

    bundle(more=PLAIN)
    loaded = load_policy(tmp_path / "web-1.yaml")
    assert run_blocking(loaded, tmp_path / "state", endpoint=emulator, notifier=notifier).outcome == "succeeded"
    assert during == before == everything()
