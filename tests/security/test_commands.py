"""A command of a check is contained, whatever it is given and whatever it does: cases C1 to C6."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from rollout.core.check_plan import CheckPlan, CommandSource
from rollout.core.event import Evidence, Verdict
from rollout.core.names import RolloutId, ServiceName, Slot, Target
from rollout.core.snapshot import Absent, Observation
from rollout.gates.command import OUTPUT_BYTES_MAX, CommandCheck
from rollout.gates.probe import Probe


async def absent(_: Target) -> Observation:
    return Absent("nobody looks")


def run_command(
    argv: Sequence[str], *arguments: str, timeout_s: float = 20.0, json: bool = False, service: str = "web"
) -> Evidence:
    plan = CheckPlan("smoke", "command", timeout_s)
    check = CommandCheck(plan, CommandSource("smoke", arguments, json), {"smoke": argv})
    target = Target("sub", ServiceName(service), Slot.PRODUCTION)

    async def main() -> Evidence:
        (evidence,) = await Probe([check], absent).round(RolloutId("web-1"), target, (3, 4), ["smoke"])
        return evidence

    return asyncio.run(main())


def python(text: str) -> list[str]:
    return [sys.executable, "-c", text]


ECHO = python("import sys; print('|'.join(sys.argv[1:]))")


@pytest.mark.parametrize("word", ["web; rm -rf /", "a b", "--help", "*", "a\nb", "'\""])
def test_c1_words_that_a_shell_would_read_are_one_literal_argument(word: str) -> None:
    evidence = run_command(python(f"import sys; sys.exit(0 if sys.argv[1:] == [{word!r}] else 1)"), word)
    assert evidence.verdict is Verdict.PASS


def test_c1_a_service_name_is_one_literal_argument() -> None:
    evidence = run_command(ECHO, "x; rm -rf /tmp/x", "{domain}", service="web; rm -rf /")
    assert evidence.detail == "exit 0: x; rm -rf /tmp/x|3,4"


@pytest.mark.parametrize("word", ["$(touch /tmp/owned)", "`id`", "${HOME}", "$HOME"])
def test_c2_a_substitution_stays_as_it_is_written(word: str) -> None:
    assert run_command(ECHO, word).detail == f"exit 0: {word}"


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    return state != "Z"


def gone(pid: int) -> bool:
    """Tell whether a killed process is gone, giving the kernel time to see to it."""
    end = time.monotonic() + 10
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.01)
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return not alive(pid)
    return True


IGNORES = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child == 0:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    open(sys.argv[1] + '.child', 'w').write(str(os.getpid()))
else:
    open(sys.argv[1] + '.parent', 'w').write(str(os.getpid()))
time.sleep(1000)
"""


def test_c3_a_command_that_ignores_sigterm_and_forks_is_killed_with_its_group(tmp_path: Path) -> None:
    evidence = run_command(python(IGNORES), str(tmp_path / "pid"), timeout_s=1.5)
    assert (evidence.verdict, evidence.detail) == (Verdict.UNKNOWN, "no answer within 1.5 s")
    for whose in ("parent", "child"):
        assert gone(int((tmp_path / f"pid.{whose}").read_text()))


def test_c4_a_command_that_writes_a_gigabyte_is_ended_at_the_cap(tmp_path: Path) -> None:
    text = (
        "import os, sys\nopen(sys.argv[1], 'w').write(str(os.getpid()))\n"
        "for _ in range(1 << 14): os.write(1, b'a' * 65536)"
    )
    evidence = run_command(python(text), str(tmp_path / "pid"))
    assert evidence.verdict is Verdict.UNKNOWN
    assert evidence.detail == f"it says more than {OUTPUT_BYTES_MAX >> 10} KiB, and was ended"
    assert gone(int((tmp_path / "pid").read_text()))


def test_c5_a_daemon_that_a_command_leaves_behind_is_killed_with_its_group(tmp_path: Path) -> None:
    text = (
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        "  os.close(1)\n"
        "  open(sys.argv[1], 'w').write(str(os.getpid()))\n"
        "  time.sleep(1000)\n"
        "while not os.path.exists(sys.argv[1]) or not os.path.getsize(sys.argv[1]): time.sleep(0.01)\n"
    )
    evidence = run_command(python(text), str(tmp_path / "pid"))
    assert evidence.verdict is Verdict.PASS
    assert gone(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize(
    ("code", "verdict"), [(0, Verdict.PASS), (75, Verdict.WAIT), (1, Verdict.FAIL), (2, Verdict.FAIL)]
)
def test_c6_an_exit_code_is_a_verdict(code: int, verdict: Verdict) -> None:
    evidence = run_command(python(f"import sys; print('all', 'said'); sys.exit({code})"))
    assert (evidence.verdict, evidence.detail, evidence.value) == (verdict, f"exit {code}: all said", str(code))


@pytest.mark.parametrize("said", ["", "pass", "{}", "[]", '{"verdict": "passed"}', '{"verdict": null}', "[" * 10_000])
def test_c6_with_json_what_is_no_json_verdict_is_unknown_whatever_the_exit_code(said: str) -> None:
    evidence = run_command(python(f"print({said!r})"), json=True)
    assert evidence.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("verdict", list(Verdict))
def test_c6_with_json_the_word_counts_and_its_reason_is_kept(verdict: Verdict) -> None:
    said = f'{{"verdict": "{verdict}", "reason": "because"}}'
    evidence = run_command(python(f"import sys; print({said!r}); sys.exit(1)"), json=True)
    assert (evidence.verdict, evidence.detail) == (verdict, "because")


def test_a_command_sees_a_fixed_environment_and_folder_and_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_SECRET", "s3cr3t-canary")
    text = "import os; print(sorted(os.environ), os.getcwd(), sorted(os.listdir('/proc/self/fd')))"
    evidence = run_command(python(text))
    assert "AZURE" not in evidence.detail
    for name in ("HOME", "LANG", "PATH", "ROLLOUT_DOMAINS", "ROLLOUT_ID", "ROLLOUT_MOMENT", "ROLLOUT_SERVICE"):
        assert f"'{name}'" in evidence.detail
    assert evidence.detail.endswith("] / ['0', '1', '2', '3']"), "the last one is the listing itself"


@pytest.mark.parametrize("argv", [["/nonexistent/program"], ["/etc/passwd"], ["/"]])
def test_a_command_that_cannot_be_started_is_no_evidence(argv: list[str]) -> None:
    evidence = run_command(argv)
    assert evidence.verdict is Verdict.UNKNOWN
    assert evidence.detail.startswith(f"{argv[0]} cannot be started: ")


def test_a_command_that_somebody_else_killed_gave_no_verdict() -> None:
    evidence = run_command(python("import os; os.kill(os.getpid(), 9)"))
    assert (evidence.verdict, evidence.detail) == (Verdict.UNKNOWN, "it was ended by signal 9")
