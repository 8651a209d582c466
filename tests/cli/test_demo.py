"""The demo: its documents are a real policy, its story ends as told, and a seed always tells the same."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from rollout.cli import stage
from rollout.cli.foreground import Ended
from rollout.cli.screen import Output
from rollout.cli.story import announced, names, story_of
from rollout.core.result import ExitCode
from rollout.core.result import Result as Outcome
from rollout.policy.load import load_policy


def test_the_documents_are_a_policy_as_a_person_would_write_it(tmp_path: Path) -> None:
    bundle = load_policy(stage.documents(tmp_path))
    assert [each.service for each in bundle.services] == names()


def test_the_story_ends_as_told(invoke: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "TIME_SCALE", 10_000.0)
    told = invoke("demo", "--seed", "3", "-o", "jsonl")
    assert told.exit_code == 0, told.stderr
    story, said = story_of(3), told.stderr.splitlines()
    assert said[0] == announced(story)
    assert re.fullmatch(r"Its dashboard, while it lasts: http://127\.0\.0\.1:\d+/ui/#ticket=\S+", said[1])
    assert "succeeded with failures: 11 of 12 services run the new release." in said
    assert any(f"{story.service} was rolled back because walk of domain {story.domain} failed" in line for line in said)
    assert said[-1] == "The emulator's own log agrees: 11 upgrades walked 0 to 4 in order, one rolled back."
    entries = [json.loads(line) for line in told.stdout.splitlines()]
    gone_back = [entry["stream"] for entry in entries if entry["kind"] == "turned_back"]
    assert gone_back == [f"demo-web-2.4.1/{story.service}#1"]


ARRIVED = Ended(Outcome(ExitCode.AS_ALLOWED, "succeeded", "all"), 0)


@pytest.mark.parametrize(
    ("ended", "code", "said"),
    [
        (ARRIVED, 1, "This went otherwise than told:\n  svc-0001: the log shows nothing, expected upgrade, walk 0"),
        (None, 1, "it was not over after 60 s"),
        (Ended(None, 130), 130, "nothing else was touched"),
    ],
)
def test_a_story_that_ends_otherwise_says_so(
    *,
    ended: Ended | None,
    code: int,
    said: str,
    invoke: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def nothing_happens(*_: object) -> Ended | None:
        return ended

    monkeypatch.setattr(stage, "_run", nothing_happens)
    told = invoke("demo")
    assert (told.exit_code, told.stderr) == (code, "")
    assert said in told.stdout


def test_the_verb_leaves_nothing_behind(
    invoke: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen: list[Path] = []

    async def staged(folder: Path, seed: int, output: Output) -> int:
        seen.append(folder)
        assert (seed, output) == (7, Output.JSONL)
        return 5

    monkeypatch.setattr(stage, "play", staged)
    assert invoke("demo", "--seed", "7", "-o", "jsonl").exit_code == 5
    assert seen[0].parent == tmp_path
    assert list(tmp_path.iterdir()) == []
