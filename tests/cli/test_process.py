"""`rollout` as a process: signals, pipes and terminals."""

import fcntl
import json
import os
import pty
import shlex
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

Log = Callable[[str], list[tuple[str, int | None]]]
Start = Callable[..., subprocess.Popen[str]]
Take = Callable[[int], list[str]]
WritePolicy = Callable[..., Path]

WALKED = [("upgrade", None), ("walk", 0), ("walk", 1)]


def wait_for(process: subprocess.Popen[str], kind: str) -> None:
    """Read a run's entries until one of this kind."""
    assert process.stdout is not None
    assert any(json.loads(line)["kind"] == kind for line in process.stdout), f"no {kind}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_resumable_and_the_printed_command_goes_on(
    *,
    number: signal.Signals,
    start: Start,
    policy: WritePolicy,
    take: Take,
    log_of: Log,
    endpoint: str,
    tmp_path: Path,
) -> None:
    services = take(2)
    file = policy(services, stable="300ms")
    running = start("run", "-f", file, "--endpoint", endpoint, "--state", tmp_path / "a state", "-o", "jsonl")
    wait_for(running, "gate_passed")
    running.send_signal(number)
    _, said = running.communicate(timeout=20)
    assert running.returncode == 130
    before, _, command = said.rpartition("\n  ")
    assert before.endswith("stopped; nothing is lost. Go on with:")
    words = shlex.split(command)
    assert words[:2] == ["rollout", "run"]
    again = start(*words[1:])
    out, said = again.communicate(timeout=30)
    assert again.returncode == 0, said
    assert json.loads(out.splitlines()[-1])["kind"] == "rollout_closed"
    assert [log_of(service) for service in services] == [WALKED, WALKED]


def test_a_reader_that_leaves_stops_the_run_resumable(
    start: Start, policy: WritePolicy, take: Take, endpoint: str, tmp_path: Path
) -> None:
    file = policy(take(1), stable="200ms")
    running = start("run", "-f", file, "--endpoint", endpoint, "--state", tmp_path / "state", "-o", "jsonl")
    wait_for(running, "rollout_opened")
    assert running.stdout is not None
    running.stdout.close()
    assert running.stderr is not None
    said = running.stderr.read()
    assert running.wait(timeout=20) == 130
    assert "Go on with:" in said
    assert "Traceback" not in said


def test_a_killed_run_goes_on_where_it_was(
    *, start: Start, policy: WritePolicy, take: Take, log_of: Log, endpoint: str, tmp_path: Path
) -> None:
    services = take(1)
    words = ("run", "-f", policy(services, stable="200ms"), "--endpoint", endpoint, "--state", tmp_path / "state")
    running = start(*words)
    wait_for(running, "gate_passed")
    running.kill()
    running.wait(timeout=10)
    again = start(*words, "--request-timeout", "1s")
    _, said = again.communicate(timeout=30)
    assert again.returncode == 0, said
    assert log_of(services[0]) == WALKED


def test_a_reader_that_leaves_a_document_is_no_traceback(start: Start) -> None:
    running = start("schema")
    assert running.stdout is not None
    running.stdout.close()
    assert running.stderr is not None
    assert running.stderr.read() == ""


def on_a_terminal(words: list[str], columns: int, **environment: str) -> tuple[int, str]:
    """Run with stdout and stderr on a terminal of 24 lines; give the exit code and everything it showed."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    dropped = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
    plain = {name: value for name, value in os.environ.items() if name not in dropped}
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "rollout.cli.main", *words],
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=slave,
        env={**plain, "TERM": "xterm-256color", **environment},
    )
    os.close(slave)
    shown = b""
    try:
        while chunk := os.read(master, 65_536):
            shown += chunk
    except OSError:
        pass  # how Linux says that the other side has closed
    finally:
        os.close(master)
        process.kill()
    return process.wait(), shown.decode()


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_a_live_table_and_a_summary(
    *,
    environment: dict[str, str],
    coloured: bool,
    policy: WritePolicy,
    take: Take,
    endpoint: str,
    tmp_path: Path,
) -> None:
    services = take(1)
    words = ["run", "-f", str(policy(services)), "--endpoint", endpoint, "--state", str(tmp_path / "state")]
    code, shown = on_a_terminal(words, 80, **environment)
    assert code == 0, shown
    assert services[0] in shown
    assert "●●" in shown
    assert "\x1b[?25l" in shown, "the cursor is hidden while the table lives"
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l"), "and comes back"
    assert ("\x1b[32m" in shown) is coloured
    assert "succeeded: 1 of 1 service runs the new release." in shown
    assert '"kind"' not in shown


def test_a_dumb_terminal_gets_lines_of_words(policy: WritePolicy, take: Take, endpoint: str, tmp_path: Path) -> None:
    services = take(1)
    words = ["run", "-f", str(policy(services)), "--endpoint", endpoint, "--state", str(tmp_path / "state")]
    code, shown = on_a_terminal(words, 80, TERM="dumb")
    assert code == 0, shown
    assert f"{services[0]}: begins" in shown
    assert "\x1b" not in shown
