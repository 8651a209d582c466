"""The verbs against a real daemon: the same words, documents and exit codes, and what only a daemon does."""

import asyncio
import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner, Result
from lxml import etree

from rollout.cli.main import cli
from rollout.daemon.auth import open_tokens
from rollout.daemon.auth.role import Role
from rollout.daemon.http.app import make_app
from rollout.daemon.serve import Front, serve
from rollout.settings import RunSettings
from rollout.settings.daemon import Daemon, parse_listen

Ask = Callable[..., Result]
WritePolicy = Callable[..., Path]
Take = Callable[[int], list[str]]

START_S_MAX = 20.0
WAY_BACK = "rollback: {package: 'https://relstore.blob.example/packages/old.cspkg', configuration: web.cscfg}\n"


class Running(NamedTuple):
    """A daemon: where it is, where its state is, and tokens of people by role."""

    url: str
    state: Path
    tokens: dict[str, str]


@contextlib.contextmanager
def daemon_over(settings: RunSettings) -> Iterator[str]:
    """Run a daemon on a thread of its own for the time of a block."""
    told: list[str] = []
    started, loops = threading.Event(), list[tuple[asyncio.AbstractEventLoop, asyncio.Event]]()

    async def main() -> None:
        stop = asyncio.Event()
        loops.append((asyncio.get_running_loop(), stop))

        def ready(url: str) -> None:
            told.append(url)
            started.set()

        listening = Daemon(listen=parse_listen("127.0.0.1:0"), reads_per_s=1_000.0, mutations_per_s=1_000.0)
        await serve(settings, listening, Front(open_tokens, make_app), stop, ready=ready, environ={})

    thread = threading.Thread(target=lambda: asyncio.run(main()), name="daemon")
    thread.start()
    try:
        assert started.wait(START_S_MAX)
        yield told[0]
    finally:
        loop, stop = loops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(START_S_MAX)


@pytest.fixture(scope="module")
def running(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Serve one daemon for all tests of this file; bob and eve are people of it, and bob may approve."""
    state = tmp_path_factory.mktemp("daemon") / "state"
    settings = RunSettings(endpoint=endpoint, state=state, groups={"leads": ("bob",)})
    with daemon_over(settings) as url:
        tokens = open_tokens(state)
        made = {
            "viewer": tokens.create("eve", [Role.VIEWER]).reveal(),
            "approver": tokens.create("bob", [Role.APPROVER]).reveal(),
        }
        yield Running(url, state, made)


@pytest.fixture
def ask(running: Running, invoke: Ask, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Ask the daemon as its own user, whose token lies in the state directory."""
    monkeypatch.delenv("ROLLOUT_TOKEN", raising=False)
    return lambda *words: invoke(*words, "--url", running.url, "--state", running.state)


@pytest.fixture
def speak(running: Running, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Ask]:
    """Ask the daemon as somebody else, by a token in the environment."""

    def as_role(role: str) -> Ask:
        environment = {"ROLLOUT_TOKEN": running.tokens[role], "ROLLOUT_URL": running.url}
        return lambda *words: CliRunner(env=environment).invoke(cli, [str(word) for word in words])

    monkeypatch.delenv("ROLLOUT_STATE", raising=False)
    return as_role


def applied(ask: Ask, file: Path, *words: str) -> Result:
    return ask("apply", "-f", file, *words)


def test_a_policy_is_applied_waited_for_and_reported(
    *, ask: Ask, policy: WritePolicy, take: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = take(2)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "out"))
    told = applied(ask, policy(services, rollout="d-1"), "--wait", "--junit", str(tmp_path / "junit.xml"))
    assert told.exit_code == 0, told.output
    assert told.stdout == "d-1: succeeded: all 2 services run the new release\n"
    assert f"{services[0]}: succeeded" in told.stderr
    assert "::notice title=d-1::" in told.stderr
    assert "outcome=succeeded" in (tmp_path / "out").read_text(encoding="utf-8")
    suite = etree.fromstring((tmp_path / "junit.xml").read_bytes())[0]
    assert [case.get("name") for case in suite.iter("testcase")] == services
    again = applied(ask, policy(services, rollout="d-1"), "-o", "json")
    assert (again.exit_code, json.loads(again.stdout)) == (0, {"rollout": "d-1", "created": False})
    changed = applied(ask, policy(services, rollout="d-1", stable="30ms"))
    assert changed.exit_code == 6
    assert "+health: {wait_duration: 0s, stable_duration: 30ms" in changed.stderr


@pytest.mark.parametrize("verb", ["apply", "wait"])
def test_ctrl_c_while_waiting_leaves_the_rollout_alone_and_says_how_to_come_back(
    *, ask: Ask, policy: WritePolicy, take: Take, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    async def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rollout.cli.attend.attend", interrupted)
    rollout = f"d-{verb}"
    file = policy(take(1), rollout=rollout)
    told = applied(ask, file, "--wait") if verb == "apply" else [applied(ask, file), ask("wait", rollout)][-1]
    assert told.exit_code == 130
    assert f"{rollout} goes on. Wait again with:\n  rollout wait {rollout}" in told.stderr
    monkeypatch.undo()
    assert ask("wait", rollout, "--timeout", "30s").exit_code == 0


def test_a_rollout_that_fails_ends_the_waiting_with_its_code(
    *, ask: Ask, policy: WritePolicy, take: Take, faults: Callable[..., None]
) -> None:
    services = take(1)
    faults({"service": services[0], "verb": "walk", "domain": 0, "effect": "fail", "times": 1})
    assert applied(ask, policy(services, rollout="d-2")).exit_code == 0
    told = ask("wait", "d-2", "-o", "json")
    assert told.exit_code == 3, told.output
    known = json.loads(told.stdout)
    assert (known["code"], known["services"][0]["outcome"]) == (3, "rolled_back")
    assert ask("watch", "d-2").exit_code == 3


def test_a_failure_that_the_policy_tolerates_is_one_where_that_is_asked_for(
    *, ask: Ask, policy: WritePolicy, take: Take, faults: Callable[..., None]
) -> None:
    services = take(2)
    faults({"service": services[0], "verb": "walk", "domain": 0, "effect": "fail", "times": 1})
    told = applied(ask, policy(services, rollout="d-13", tolerance=1), "--wait")
    assert told.exit_code == 0, told.output
    assert "succeeded with failures" in told.stdout
    assert ask("wait", "d-13", "--strict-exit").exit_code == 3
    assert applied(ask, policy(take(1), rollout="d-14"), "--wait").exit_code == 0
    assert ask("wait", "d-14", "--strict-exit").exit_code == 0


def test_the_daemon_and_its_state_directory_give_the_same_documents(
    *, ask: Ask, invoke: Ask, running: Running, policy: WritePolicy, take: Take
) -> None:
    services = take(1)
    assert applied(ask, policy(services, rollout="d-3"), "--wait").exit_code == 0
    looks = (("get", "d-3"), ("get", f"d-3/{services[0]}"), ("list",), ("history", services[0]), ("report", "d-3"))
    for words in looks:
        there = json.loads(ask(*words, "-o", "json").stdout)
        here = json.loads(invoke(*words, "-o", "json", "--state", running.state).stdout)
        assert _shape(there) == _shape(here), words
    there, here = ask("get", f"d-3/{services[0]}").stdout, invoke("get", f"d-3/{services[0]}", "--state", running.state)
    assert there == here.stdout
    events = [json.loads(line) for line in ask("events", "d-3", "-o", "jsonl").stdout.splitlines()]
    recorded = invoke("events", "d-3", "-o", "jsonl", "--state", running.state).stdout.splitlines()
    assert events == [json.loads(line) for line in recorded]


CHANGING = {"position", "etag", "trouble", "engine", "next", "running", "until", "since"}
"""Fields that one of the two gives alone, or that change with every look."""


def _shape(document: Any) -> Any:
    """Give a document without what the moment decides."""
    if isinstance(document, list):
        return [_shape(each) for each in document]
    if isinstance(document, dict):
        return {name: _shape(value) for name, value in document.items() if name not in CHANGING}
    return None if isinstance(document, float) else document


def test_a_plan_is_made_by_the_daemon_unless_an_endpoint_is_named(
    ask: Ask, policy: WritePolicy, take: Take, endpoint: str
) -> None:
    file = policy(take(1), rollout="d-plan")
    told = ask("plan", "-f", file, "--detailed-exitcode")
    assert told.exit_code == 2, told.output
    assert told.stdout.startswith("d-plan: 1 of 1 services in 1 wave, done in ")
    offline = ask("plan", "-f", file, "--offline", "-o", "json")
    assert json.loads(offline.stdout)["looked"] is False
    assert ask("plan", "-f", policy(["nobody"], rollout="d-plan")).exit_code == 65
    both = ask("plan", "-f", file, "--endpoint", endpoint)
    assert (both.exit_code, "give one of them" in both.stderr) == (64, True)


def test_people_pause_look_and_go_on(ask: Ask, policy: WritePolicy, take: Take) -> None:
    services = take(2)
    applied(ask, policy(services, rollout="d-4", stable="10s"))
    refused = ask("pause", "d-4", "--reason", "lunch")
    assert refused.exit_code == 64
    assert "this would pause 2 services of d-4: give --yes" in refused.stderr
    paused = ask("pause", "d-4", "--reason", "lunch", "--yes")
    assert paused.exit_code == 0, paused.output
    assert "2 answers: 2 accepted" in paused.stdout
    assert "lunch" in ask("why", f"d-4/{services[0]}").stdout
    one = ask("resume", "d-4", "--select", services[0], "--reason", "back", "-o", "json")
    assert json.loads(one.stdout)["counts"]["accepted"] == 1
    wrong = ask("retry", f"d-4/{services[1]}", "--reason", "no")
    assert wrong.exit_code == 6
    assert "would work: " in wrong.stderr
    assert json.loads(ask("retry", f"d-4/{services[1]}", "--reason", "no", "-o", "json").stdout)["kind"] == "refused"
    assert ask("pause", "d-4", "--phase", "held", "--reason", "no", "--yes").exit_code in {6, 64}
    assert ask("wait", "d-4", "--timeout", "100ms").exit_code == 5
    aborted = ask("abort", "d-4", "--reason", "enough", "--yes")
    assert aborted.exit_code == 0, aborted.output
    assert ask("wait", "d-4", "--timeout", "30s").exit_code == 7


def test_what_needs_somebody_is_claimed_seen_by_others_and_handed_back(
    ask: Ask, speak: Callable[[str], Ask], policy: WritePolicy, take: Take
) -> None:
    (service,) = take(1)
    applied(ask, policy([service], rollout="d-claim", stable="10s"))
    target = f"d-claim/{service}"
    nothing = ask("claim", target)
    assert (nothing.exit_code, "needs anybody" in nothing.stderr) == (6, True)
    assert ask("stop", target, "--reason", "it smells").exit_code == 0
    claimed = ask("claim", "d-claim", "--reason", "looking at the disks")
    assert claimed.exit_code == 0, claimed.output
    for words in (("why", target), ("get", target)):
        assert " has it since 20" in ask(*words).stdout
        assert "looking at the disks" in speak("viewer")(*words).stdout
    assert speak("viewer")("claim", target).exit_code == 77
    assert "handed back" in ask("claim", target, "--release").stdout
    assert " has it since" not in ask("why", target).stdout
    assert "nothing to do: nobody has it" in ask("claim", target, "--release").stdout
    timeline = ask("events", "d-claim").stdout
    assert "has it: looking at the disks" in timeline
    assert "handed back by" in timeline
    assert ask("abort", "d-claim", "--reason", "enough", "--yes").exit_code == 0


def test_the_same_key_is_answered_once(ask: Ask, policy: WritePolicy, take: Take) -> None:
    services = take(1)
    applied(ask, policy(services, rollout="d-5", stable="10s"))
    words = ("stop", f"d-5/{services[0]}", "--reason", "wait", "--key", "k-1", "-o", "json")
    first, second = ask(*words), ask(*words)
    assert json.loads(first.stdout) == json.loads(second.stdout)
    assert json.loads(first.stdout)["kind"] == "accepted"
    assert ask("rollback", f"d-5/{services[0]}", "--reason", "back").exit_code == 0
    assert ask("wait", "d-5", "--timeout", "30s").exit_code in {3, 7}


def test_an_approval_is_waited_for_and_given_by_whoever_may(
    *, ask: Ask, speak: Callable[[str], Ask], policy: WritePolicy, take: Take
) -> None:
    file = policy(take(1), rollout="d-6")
    file.write_text(file.read_text(encoding="utf-8") + "approve: {by: leads}\n", encoding="utf-8")
    applied(ask, file)
    waited = ask("wait", "d-6", "--until", "approval", "--timeout", "30s")
    assert (waited.exit_code, "for leads to approve the rollout" in waited.stdout) == (0, True)
    assert "approve says yes to plan" in ask("get", "d-6").stdout
    assert speak("viewer")("approve", "d-6", "--reason", "x").exit_code == 77
    assert ask("approve", "d-6", "--reason", "my own").exit_code == 6
    bob = speak("approver")("approve", "d-6", "--reason", "looked at it")
    assert bob.exit_code == 0, bob.output
    assert ask("wait", "d-6", "--until", "wave:rest", "--timeout", "30s").exit_code == 0


def test_an_amendment_is_shown_and_then_made(ask: Ask, policy: WritePolicy, take: Take) -> None:
    services = take(1)
    applied(ask, policy(services, rollout="d-7", stable="10s"))
    changed = policy(services, rollout="d-7", stable="50ms")
    shown = ask("amend", "d-7", "-f", changed, "--reason", "too slow")
    assert shown.exit_code == 64
    assert "stable" in shown.stderr
    assert ask("amend", "d-7", "-f", changed, "--reason", "too slow", "--yes").exit_code == 0
    assert ": too slow (policy " in ask("get", "d-7").stdout
    other = ask("amend", "d-7", "-f", policy(services, rollout="d-7", on_failure="hold"), "--reason", "x", "--yes")
    assert other.exit_code == 6, other.output
    assert ask("wait", "d-7", "--timeout", "30s").exit_code == 0


def test_a_rollout_that_is_over_is_taken_back_by_a_new_one(
    *, ask: Ask, speak: Callable[[str], Ask], policy: WritePolicy, take: Take
) -> None:
    one, two = take(2)
    applied(ask, policy([one], rollout="d-11"), "--wait")
    assert "this would take d-11 back on up to 1 service" in ask("revert", "d-11", "--reason", "x").stderr
    refused = ask("revert", "d-11", "--reason", "x", "-y")
    assert refused.exit_code == 6
    assert f"{one}: the platform's Rollback is gone" in refused.stderr
    known = policy([two], rollout="d-12")
    known.write_text(known.read_text(encoding="utf-8") + WAY_BACK, encoding="utf-8")
    applied(ask, known)
    assert "is still open" in ask("revert", "d-12", "--reason", "x", "-y").stderr
    assert ask("wait", "d-12", "--timeout", "30s").exit_code == 0
    assert speak("viewer")("revert", "d-12", "--reason", "x", "-y").exit_code == 77
    told = ask("revert", "d-12", "--reason", "OPS-311", "-y")
    assert (told.exit_code, told.stdout) == (0, "d-12-revert\n"), told.output
    assert "known already" in ask("revert", "d-12", "--reason", "OPS-311", "-y").stderr
    assert ask("wait", "d-12-revert", "--timeout", "30s").exit_code == 0


def test_a_freeze_is_for_every_rollout(ask: Ask) -> None:
    assert ask("freeze", "--reason", "holidays", "--for", "1h").exit_code == 0
    assert ask("unfreeze", "--reason", "over").exit_code == 0
    assert "nothing to do" in ask("unfreeze", "--reason", "over").stdout


def test_notices_are_listed_and_sent_again_by_the_daemon(ask: Ask, speak: Callable[[str], Ask]) -> None:
    listed = ask("notifications", "-o", "json")
    assert (listed.exit_code, json.loads(listed.stdout)) == (0, [])
    assert "nobody was told anything" in ask("notifications", "--dead").stdout
    assert ask("notifications", "--again").exit_code == 64
    again = ask("notifications", "--again", "--reason", "the chat is back")
    assert (again.exit_code, "0 wait to be sent again" in again.stderr) == (0, True)
    assert speak("viewer")("notifications", "--again", "--reason", "x").exit_code == 77


def test_the_link_to_the_dashboard_lets_one_browser_in_once(ask: Ask, running: Running) -> None:
    told = ask("ui")
    assert told.exit_code == 0
    assert told.stdout.startswith(f"{running.url}/ui/#ticket=")
    assert "once" in told.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("get", "d-99"), 64, "d-99"),
        (("pause", "d-99", "--reason", "x", "--yes"), 64, "d-99"),
        (("history", "svc-9999"), 64, "svc-9999"),
        (("wait", "d-99"), 64, "d-99"),
    ],
)
def test_what_is_not_there_is_64(ask: Ask, words: tuple[str, ...], code: int, said: str) -> None:
    told = ask(*words)
    assert told.exit_code == code, told.output
    assert said in told.stderr


def test_a_wave_that_is_not_there_is_64(ask: Ask, policy: WritePolicy, take: Take) -> None:
    assert applied(ask, policy(take(1), rollout="d-15"), "--wait").exit_code == 0
    told = ask("get", "d-15", "--wave", "nowhere")
    assert told.exit_code == 64, told.output
    assert "nowhere" in told.stderr


def test_a_viewer_looks_and_says_nothing(speak: Callable[[str], Ask], policy: WritePolicy) -> None:
    eve = speak("viewer")
    assert eve("list").exit_code == 0
    for words in (("apply", "-f", policy(["svc-0001"], rollout="d-8")), ("freeze", "--reason", "x")):
        told = eve(*words)
        assert told.exit_code == 77, told.output
        assert "error: http://127.0.0.1:" in told.stderr


def test_a_wrong_token_is_77_and_never_shown(running: Running, invoke: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLOUT_TOKEN", "not-a-token-of-anybody")
    told = invoke("list", "--url", running.url)
    assert told.exit_code == 77
    assert "not-a-token" not in told.output


def test_a_daemon_that_is_not_there_is_69(invoke: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLOUT_TOKEN", "some-token-of-nobody")
    told = invoke("list", "--url", "http://127.0.0.1:1")
    assert told.exit_code == 69
    assert "is the daemon running?" in told.stderr


def test_verbs_without_an_address_go_on_through_the_inbox_of_a_daemons_state(
    *, ask: Ask, invoke: Ask, running: Running, policy: WritePolicy, take: Take
) -> None:
    services = take(1)
    applied(ask, policy(services, rollout="d-9", stable="10s"))
    told = invoke("abort", "d-9", "--reason", "by the inbox", "--state", running.state)
    assert told.exit_code == 0, told.output
    assert ask("wait", "d-9", "--timeout", "30s").exit_code == 7


def test_a_shell_completes_what_the_daemon_knows(
    running: Running, ask: Ask, policy: WritePolicy, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.shell_completion import ShellComplete

    services = take(1)
    applied(ask, policy(services, rollout="d-10"))
    for name, value in {"ROLLOUT_URL": running.url, "ROLLOUT_STATE": str(running.state)}.items():
        monkeypatch.setitem(os.environ, name, value)
    complete = ShellComplete(cli, {}, "rollout", "_X").get_completions
    assert "d-10" in [each.value for each in complete(["get"], "d-1")]
    assert [each.value for each in complete(["get"], "d-10/")] == [f"d-10/{services[0]}"]
    assert ask("wait", "d-10", "--timeout", "30s").exit_code == 0
