"""People who approve in a rehearsal: when they do, that a death makes nobody forget, and what happens without them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from rollout.cli.main import cli
from rollout.core import fleet_event
from rollout.simulation.approvers import APPROVER
from rollout.simulation.death import Death
from rollout.simulation.play import Played, Script, play
from rollout.simulation.stage import Approve, Stage

POLICY = Path(__file__).parent / "cases/approved.yaml"


def rehearse(*words: str) -> str:
    """Give what a rehearsal of the policy with approvals prints."""
    command = ["rehearse", "-f", str(POLICY), "--faults", "none", "--domains", "2", *words]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, done.output
    return done.stdout


def given(played: Played) -> list[tuple[str, str]]:
    """List which approvals were given, by whom, in their order."""
    assert played.book is not None
    facts = [page.entry.fact for page in played.book.pages]
    return [(fact.scope, fact.who) for fact in facts if isinstance(fact, fleet_event.Approved)]


def test_what_is_asked_for_is_approved_and_the_rollout_goes_on(stage_of: Callable[..., Stage]) -> None:
    played = play(stage_of("approved", "none", domains=2), 0)
    assert played.violation is None
    assert played.result is not None
    assert played.result.outcome == "succeeded"
    assert given(played) == [("first", APPROVER), ("rest", APPROVER)]


def test_nobody_approves_where_nobody_is_to(stage_of: Callable[..., Stage]) -> None:
    played = play(replace(stage_of("approved", "none", domains=2), approve=Approve.NEVER), 0)
    assert played.violation is None
    assert played.result is not None
    assert played.result.outcome == "waits for a person"
    assert "release-leads" in played.result.reason
    assert given(played) == []


def test_every_seed_draws_its_own_delay_and_the_same_one_again(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of("approved", "none", domains=2)
    took = [play(stage, seed).took_s for seed in (0, 1, 0)]
    assert took[0] == took[2]
    assert took[0] != took[1]


def test_a_death_at_any_moment_makes_nobody_forget_a_word(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of("approved", "none", domains=2)
    moments = play(stage, 0).moments[0]
    for moment in range(0, len(moments), 3):
        played = play(stage, 0, Script(deaths=[Death(moment=moment, down_s=5.0)]))
        assert played.violation is None, played.violation
        assert played.result is not None
        assert played.result.outcome == "succeeded", moments[moment]


@pytest.mark.timeout(120)
def test_no_storm_breaks_a_promise_around_approvals(stage_of: Callable[..., Stage]) -> None:
    approved = 0
    for seed in range(25):
        played = play(stage_of("approved", domains=2), seed, watchdog=True)
        assert played.violation is None, f"seed {seed}: {played.violation}"
        approved += len(given(played))
    assert approved >= 25


def test_the_page_says_how_long_approvals_took() -> None:
    page = rehearse("--seeds", "2")
    assert "an approval, asked to given" in page
    assert "approved by a person" in page
    document = json.loads(rehearse("--seeds", "2", "-o", "json"))
    assert 0 < document["durations"]["approval"]["p50"] <= document["durations"]["approval"]["max"] <= 4 * 3600


def test_the_page_says_who_is_waited_for_where_nobody_approves() -> None:
    page = rehearse("--seeds", "1", "--approve", "never")
    assert "waits for a person" in page
    assert "an approval, asked to given" not in page
