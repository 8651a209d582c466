"""People's verbs against a rollout that runs in another process: exit codes, words, and what the emulator saw."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import Result

from rollout.cli.people import abort, advance, claim, exclude, halt, pause, resolve, resume, retry, rollback, stop
from rollout.core import event
from rollout.core.command import Ask, Command, Verb
from rollout.core.names import RolloutId, ServiceName, StreamName
from rollout.core.reply import Kind, Reply
from rollout.journal.journal import Question
from rollout.journal.visitor import Visitor

Invoke = Callable[..., Result]
Log = Callable[[str], list[tuple[str, int | None]]]
Take = Callable[[int], list[str]]
WritePolicy = Callable[..., Path]
Process = subprocess.Popen[str]
Start = Callable[..., Process]

ROLLOUT = "web-2.4.1"
WALKED = [("upgrade", None), ("walk", 0), ("walk", 1)]
PATIENCE_S = 20.0


class Desk:
    """One state directory: a process that runs a policy on it, and a second terminal beside it."""

    def __init__(self, folder: Path, invoke: Invoke, start: Start, write: WritePolicy, endpoint: str) -> None:
        self.state = folder / "state"
        self._policy = folder / "policy.yaml"
        self._invoke = invoke
        self._start = start
        self._write = write
        self._endpoint = endpoint

    def begin(self, services: list[str], **fields: Any) -> Process:
        """Run a policy in a process of its own, and come back once the first gate has begun; gates take a while."""
        self._write(services, **({"stable": "10s"} | fields))
        process = self.go_on()
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["kind"] == "probed":
                break
        return process

    def go_on(self) -> Process:
        return self._start("run", "-f", self._policy, "--endpoint", self._endpoint, "--state", self.state)

    def say(self, verb: str, target: str, *words: str) -> Result:
        return self.call(verb, target, "--reason", "because", *words)

    def call(self, *words: str) -> Result:
        return self._invoke(*words, "--state", self.state)

    def ask(self, service: str, key: str, verb: Verb) -> None:
        """Ask and do not wait."""
        command = Command(key, verb, "ann", key)
        text = msgspec.json.encode(Ask(RolloutId(ROLLOUT), ServiceName(service), command)).decode()
        with Visitor.opened(self.state, asks=True) as visitor:
            visitor.post(Question(key, "ann", key, text, 0.0))


@pytest.fixture
def desk(tmp_path: Path, invoke: Invoke, start: Start, policy: WritePolicy, endpoint: str) -> Desk:
    return Desk(tmp_path, invoke, start, policy, endpoint)


def ended(process: Process) -> int:
    process.communicate(timeout=PATIENCE_S)
    return process.returncode


def test_a_rollback_from_a_second_terminal_turns_a_running_rollout(desk: Desk, take: Take, log_of: Log) -> None:
    services = take(1)
    process = desk.begin(services)
    told = desk.say("rollback", f"{ROLLOUT}/{services[0]}")
    assert (told.exit_code, told.stdout) == (0, f"{services[0]}: goes back now\n")
    assert ended(process) == 7
    assert log_of(services[0]) == [*WALKED[:2], ("rollback", None)]


def test_stopped_and_paused_services_wait_until_a_resume_and_then_arrive(desk: Desk, take: Take, log_of: Log) -> None:
    services = take(2)
    process = desk.begin(services, stable="3s")
    assert desk.say("pause", f"{ROLLOUT}/{services[0]}").exit_code == 0
    assert desk.say("stop", f"{ROLLOUT}/{services[1]}").exit_code == 0
    again = desk.say("pause", f"{ROLLOUT}/{services[0]}")
    assert again.exit_code == 0
    assert "nothing to do: it is paused already, by " in again.stdout
    assert ended(process) == 4
    assert [log_of(service) for service in services] == [WALKED[:2]] * 2
    why = desk.call("why", ROLLOUT).stdout
    assert f"{services[0]} held before domain 1 (pause by " in why
    assert f"{services[1]} stopped before domain 1 by " in why
    assert "freed by resume, rollback" in why
    unanswered = desk.say("resume", ROLLOUT, "--yes", "--wait", "100ms", "--key", "k1")
    assert unanswered.exit_code == 69
    assert "is answered when `rollout run` goes on; `rollout withdraw k1` takes it back" in unanswered.stderr
    process = desk.go_on()
    assert ended(process) == 0
    assert [log_of(service) for service in services] == [WALKED] * 2
    answered = desk.say("resume", ROLLOUT, "--yes", "--key", "k1")
    assert answered.exit_code == 6
    assert "it is over" in answered.stderr


def test_what_cannot_be_done_is_6_and_says_what_would_work(desk: Desk, take: Take) -> None:
    services = take(1)
    process = desk.begin(services)
    target = f"{ROLLOUT}/{services[0]}"
    refused = desk.say("retry", target)
    assert refused.exit_code == 6
    assert refused.stderr == (
        f"error: {services[0]}: refused: it has not failed; would work: wait; resume lifts what keeps it\n"
    )
    assert "would work: rollback" in desk.say("exclude", target).stderr
    assert json.loads(desk.say("exclude", target, "-o", "json").stdout)["kind"] == "refused"
    assert desk.say("abort", ROLLOUT).exit_code == 0
    assert ended(process) == 7


def test_several_services_are_counted_before_anybody_speaks_to_them(desk: Desk, take: Take) -> None:
    services = take(2)
    process = desk.begin(services)
    told = desk.say("abort", ROLLOUT)
    assert told.exit_code == 64
    assert "this would abort 2 services of web-2.4.1: give --yes" in told.stderr
    halted = desk.say("halt", ROLLOUT)
    assert (halted.exit_code, "nothing new starts; 2 in flight" in halted.stdout) == (0, True)
    done = desk.say("abort", ROLLOUT, "--yes")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == "3 answers: 3 accepted"
    assert ended(process) == 7


NONSENSE = (
    (["pause", "web-9"], "knows no rollout web-9; there are: web-2.4.1"),
    (["pause", "web-2.4.2"], "did you mean web-2.4.1?"),
    (["pause", "web-2.4.1/svc-9999"], "has no service svc-9999"),
    (["pause", "/svc"], "is no target"),
    (["pause", "web-2.4.1/a/b"], "is no target"),
    (["resolve", "web-2.4.1"], "--as"),
    (["resolve", "web-2.4.1", "--as", "fine"], "fine"),
    (["pause", "web-2.4.1", "--reason", " "], "--reason is empty"),
)


def test_a_command_that_makes_no_sense_is_64(desk: Desk, take: Take) -> None:
    desk.begin(take(1))
    for words, said in NONSENSE:
        reason = [] if "--reason" in words else ["--reason", "because"]
        told = desk.call(*words, *reason)
        assert told.exit_code == 64, told.output
        assert said in told.stderr


def test_without_a_state_directory_nothing_is_asked_and_nothing_is_made(desk: Desk) -> None:
    told = desk.say("pause", ROLLOUT)
    assert told.exit_code == 1
    assert "holds no journal: nothing has run" in told.stderr
    assert not desk.state.exists()


def test_every_verb_says_its_exit_codes_in_its_help(invoke: Invoke) -> None:
    for command in (pause, resume, stop, advance, retry, exclude, rollback, resolve, claim, halt, abort):
        assert command.name is not None
        told = invoke(command.name, "--help")
        assert told.exit_code == 0
        assert "69 no engine answered in time" in " ".join(told.stdout.split())


def test_a_command_that_waits_can_be_withdrawn_once(desk: Desk, take: Take) -> None:
    services = take(1)
    process = desk.begin(services)
    process.send_signal(signal.SIGINT)
    assert ended(process) == 130
    target = f"{ROLLOUT}/{services[0]}"
    told = desk.say("stop", target, "--wait", "100ms", "--key", "k1", "-o", "json")
    assert (told.exit_code, json.loads(told.stdout)["kind"]) == (69, "unanswered")
    assert desk.call("withdraw", "k1").stdout == "withdrawn: k1; nothing of it was done\n"
    late = desk.call("withdraw", "k1")
    assert (late.exit_code, "is not waiting" in late.stderr) == (6, True)


def test_killed_at_random_an_engine_answers_each_command_once(desk: Desk, take: Take) -> None:
    (service,) = take(1)
    process = desk.begin([service])
    keys = [f"k{number}" for number in range(12)]
    for number, key in enumerate(keys):
        desk.ask(service, key, Verb.PAUSE if number % 2 == 0 else Verb.RESUME)
        time.sleep(0.05 * (number % 5))
        if number % 4 == 3:
            process.kill()
            process.communicate()
            process = desk.go_on()
    ends = time.monotonic() + PATIENCE_S
    with Visitor.opened(desk.state) as visitor:
        while (told := [visitor.answer_to(key) for key in keys])[-1] is None:
            assert time.monotonic() < ends
            time.sleep(0.05)
        facts = [each.entry.fact for each in visitor.read(StreamName(f"{ROLLOUT}/{service}#1"))]
    kinds = [msgspec.json.decode(text, type=Reply).kind for text in told if text is not None]
    assert kinds == [Kind.ACCEPTED] * len(keys)
    notes = [fact.note for fact in facts if isinstance(fact, event.Held)]
    assert notes == keys[::2]
    assert sum(isinstance(fact, event.Released) for fact in facts) == len(keys) // 2
