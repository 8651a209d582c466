"""`list`, `get`, `history`, `events`, `wait`, `watch` and completion on a state directory after a real run."""

import json
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from rollout.cli.here import LOOK_S
from rollout.cli.main import cli

Ask = Callable[..., Result]

SERVICES = ["svc-0099", "svc-0100"]
"""Of the emulator of which other tests only read the names."""
POLICY = """\
rollout: seen-1
change: {upgrade: {package: "https://relstore.blob.example/web.cspkg", configuration: web.cscfg, label: web-9}}
fleet:
  subscription: 00000000-0000-4000-8000-000000000001
  services: {svc-0099: {tags: {region: weu}}, svc-0100: {}}
waves: [{name: rest, select: rest, max_parallel: 2, failure_tolerance: 1}]
health: {stable_duration: 20ms, retry_timeout: 2s, interval: 20ms}
walk: {bake_before_last: 0s, domain_timeout: 20s}
"""
CSCFG = """\
<ServiceConfiguration serviceName="web" xmlns="http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceConfiguration">
  <Role name="WebRole1"><Instances count="2"/></Role>
</ServiceConfiguration>
"""


@pytest.fixture(scope="module")
def state(untouched: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run a rollout of two services to its end, once for all tests of this file."""
    folder = tmp_path_factory.mktemp("looking")
    (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    (folder / "web.cscfg").write_text(CSCFG, encoding="utf-8")
    words = ["run", "-f", folder / "policy.yaml", "--endpoint", untouched, "--state", folder / "state"]
    told = CliRunner().invoke(cli, [str(word) for word in words])
    assert told.exit_code == 0, told.output
    return folder / "state"


@pytest.fixture
def ask(state: Path, invoke: Ask) -> Ask:
    return lambda *words: invoke(*words, "--state", state)


def test_the_same_document_in_three_forms(ask: Ask) -> None:
    whole = json.loads(ask("get", "seen-1", "-o", "json").stdout)
    assert (whole["id"], whole["closed"], whole["result"]["code"]) == ("seen-1", True, 0)
    rows = [json.loads(line) for line in ask("get", "seen-1", "-o", "jsonl").stdout.splitlines()]
    assert [row["service"] for row in rows] == [row["service"] for row in whole["services"]] == SERVICES
    text = ask("get", "seen-1").stdout
    assert text == ask("get", "seen-1", "-o", "text").stdout
    assert "svc-0100: succeeded, 2 of 2 domains walked; wave rest" in text


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--select", "tag:region=weu"), ["svc-0099"]),
        (("--select", "!tag:region"), ["svc-0100"]),
        (("--select", "svc-0100,svc-0099"), SERVICES),
        (("--wave", "rest", "--phase", "ended"), SERVICES),
        (("--phase", "held"), []),
    ],
)
def test_some_of_the_services_can_be_looked_at(ask: Ask, words: tuple[str, ...], names: list[str]) -> None:
    got = json.loads(ask("get", "seen-1", "-o", "json", *words).stdout)
    assert [row["service"] for row in got["services"]] == names


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--wave", "pilot"), "has no wave pilot; it has rest"),
        (("--select", "svc-7"), "has no service svc-7"),
        (("--select", "10%"), "takes names or tags"),
        (("--select", "tag:"), "is not a tag term"),
    ],
)
def test_a_selection_that_means_nothing_is_refused(ask: Ask, words: tuple[str, ...], said: str) -> None:
    told = ask("get", "seen-1", *words)
    assert told.exit_code == 64
    assert said in told.stderr


def test_one_service_is_chosen_by_its_name_alone(ask: Ask) -> None:
    assert ask("get", "seen-1/svc-0100", "--wave", "rest").exit_code == 64
    told = ask("get", "seen-1/svc-0100").stdout
    assert "svc-0099" not in told
    assert re.search(r"operation: [0-9a-f]{32} \([0-9a-f-]{36}\)", told)
    assert re.search(r"last call: .*, HTTP 202; what \d+ calls sent and were answered: -o json", told)


def test_the_list_is_one_line_for_each_rollout_in_every_form(ask: Ask) -> None:
    heads = json.loads(ask("list", "-o", "json").stdout)
    assert [head["id"] for head in heads] == ["seen-1"]
    assert [json.loads(line)["id"] for line in ask("list", "-o", "jsonl").stdout.splitlines()] == ["seen-1"]
    assert ask("list", "--attention").stdout == ""


def test_a_table_fits_the_terminal_and_its_text_gives_way(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollout.cli.output.on_terminal", lambda: True)
    for width in (120, 60, 50):
        monkeypatch.setenv("COLUMNS", str(width))
        for words in (("list",), ("get", "seen-1"), ("history", "svc-0100")):
            lines = ask(*words).stdout.splitlines()
            table = [line for line in lines if not line.startswith("seen-1: ")]
            assert len(table) >= 2
            assert all(len(line) <= width for line in table), table
            assert "\x1b" not in "".join(lines)
    assert "seen-1   over   2" in ask("list").stdout


def test_the_history_of_a_service_names_rollout_release_and_outcome(ask: Ask) -> None:
    (item,) = json.loads(ask("history", "svc-0100", "-o", "json").stdout)["items"]
    assert (item["rollout"], item["release"], item["outcome"]) == ("seen-1", "web-9", "succeeded")
    assert "seen-1 production web-9 ended succeeded" in ask("history", "svc-0100").stdout
    assert ask("history", "svc-7").exit_code == 64


def test_events_are_told_from_the_first_to_the_last(ask: Ask) -> None:
    entries = [json.loads(line) for line in ask("events", "seen-1", "-o", "jsonl").stdout.splitlines()]
    assert (entries[0]["kind"], entries[-1]["kind"]) == ("rollout_opened", "rollout_closed")
    positions = [entry["position"] for entry in entries]
    assert positions == sorted(set(positions))
    own = json.loads(ask("events", "seen-1/svc-0100", "-o", "json").stdout)
    assert {entry["service"] for entry in own} == {"svc-0100"}
    assert ask("events", "seen-1").stdout.splitlines()[-1].endswith(entries[-1]["sentence"])
    assert ask("events").exit_code == 64


def test_following_goes_on_behind_what_was_told(state: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start("events", "-f", "seen-1", "-o", "jsonl", "--state", state)
    assert process.stdout is not None
    kinds = [""]
    while kinds[-1] != "rollout_closed":
        kinds.append(json.loads(process.stdout.readline())["kind"])
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(LOOK_S)
    process.send_signal(signal.SIGINT)
    rest, complaints = process.communicate(timeout=20)
    assert (kinds[1], kinds.count("rollout_closed"), rest) == ("rollout_opened", 1, "")
    assert (process.returncode, complaints.strip()) == (130, "interrupted")


@pytest.mark.parametrize("until", ["finished", "approval", "wave:rest"])
def test_waiting_for_what_is_over_ends_at_once_with_its_code(ask: Ask, until: str) -> None:
    told = ask("wait", "seen-1", "--until", until)
    assert told.exit_code == 0, told.output
    assert told.stdout.startswith("seen-1: ")


def test_waiting_gives_a_document_and_a_report(ask: Ask, tmp_path: Path) -> None:
    told = ask("wait", "seen-1", "-o", "json", "--junit", tmp_path / "junit.xml")
    assert json.loads(told.stdout)["outcome"] == "succeeded"
    assert 'tests="2" failures="0"' in (tmp_path / "junit.xml").read_text(encoding="utf-8")


def test_watching_what_is_over_says_so(ask: Ask) -> None:
    told = ask("watch", "seen-1")
    assert (told.exit_code, told.stdout) == (0, "")
    assert "seen-1: succeeded: all 2 services run the new release" in told.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("wait", "seen-9"), "did you mean seen-1?"),
        (("wait", "seen-1", "--until", "dawn"), "cannot be waited for"),
        (("wait", "seen-1", "--until", "wave:x"), "has no wave x; it has rest"),
        (("apply", "-f", "policy.yaml"), "this needs a daemon: give --url"),
        (("ui",), "this needs a daemon: give --url"),
    ],
)
def test_what_cannot_be_done_here_is_64_with_a_way_on(ask: Ask, words: tuple[str, ...], said: str) -> None:
    told = ask(*words)
    assert told.exit_code == 64
    assert said in told.stderr


# --- completion ---


@pytest.mark.parametrize(
    ("words", "incomplete", "completed"),
    [
        ([], "appr", ["approve"]),
        (["get"], "se", ["seen-1"]),
        (["get"], "seen-1/svc-00", ["seen-1/svc-0099"]),
        (["pause"], "seen-1/", ["seen-1/svc-0100", "seen-1/svc-0099"]),
        (["wait"], "", ["seen-1"]),
        (["why"], "x", []),
        (["list"], "--att", ["--attention"]),
    ],
)
def test_a_shell_completes_verbs_options_rollouts_and_services(
    *, state: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], incomplete: str, completed: list[str]
) -> None:
    monkeypatch.setenv("ROLLOUT_STATE", str(state))
    found = ShellComplete(cli, {}, "rollout", "_X").get_completions(words, incomplete)
    assert [each.value for each in found] == completed


def test_nothing_is_completed_and_nothing_said_where_nothing_can_be_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    complete: Any = ShellComplete(cli, {}, "rollout", "_X").get_completions
    monkeypatch.setenv("ROLLOUT_STATE", str(tmp_path / "nowhere"))
    assert complete(["get"], "") == []
    monkeypatch.setenv("ROLLOUT_TOKEN", "some-token-of-nobody")
    monkeypatch.setenv("ROLLOUT_URL", "http://127.0.0.1:1")
    assert complete(["get"], "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_its_script(invoke: Ask, shell: str) -> None:
    told = invoke("completion", shell)
    assert told.exit_code == 0
    assert f"_ROLLOUT_COMPLETE={shell}_complete" in told.stdout
