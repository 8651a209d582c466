"""`rollout rehearse`: what it prints, where, and with which exit code."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rollout.cli.main import cli
from rollout.cli.rehearsed import deaths_as_json, deaths_as_table
from rollout.core import interpret
from rollout.core.check_plan import CheckPlan
from rollout.core.event import Evidence, ServiceFact
from rollout.core.names import Target
from rollout.core.outcome import Unreachable
from rollout.core.service import ServiceRollout
from rollout.core.snapshot import Look, Observation
from rollout.engine import runner
from rollout.engine.kit import Kit
from rollout.gates.check import Question, unknown
from rollout.gates.probe import Probe
from rollout.simulation import everywhere
from rollout.simulation.death import Death
from rollout.simulation.everywhere import CrashEverywhere, Difference, Everywhere
from rollout.simulation.play import play
from rollout.simulation.stage import Stage
from rollout.simulation.tally import Tally
from rollout.simulation.weak import weaknesses

CASES = Path(__file__).parent / "cases"


def rehearse(*words: str, policy: str = "storm") -> tuple[int, str, str]:
    done = CliRunner().invoke(cli, ["rehearse", "-f", str(CASES / f"{policy}.yaml"), *words], standalone_mode=False)
    code = done.return_value if isinstance(done.return_value, int) else done.exit_code
    return code, done.stdout, done.stderr


@pytest.fixture
def one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant a bug: one look settles a domain."""

    def wrong(state: ServiceRollout, _: Look | None, latest: Look, **more: Any) -> ServiceFact | None:
        return interpret.interpret_look(state, latest, latest, **more)

    monkeypatch.setattr(runner, "interpret_look", wrong)


def test_a_calm_rehearsal_succeeds_and_names_durations_and_limits() -> None:
    code, page, _ = rehearse("--faults", "none", "--seeds", "3", "--domains", "3")
    assert code == 0
    assert page.startswith("storm: 2 services of 3 domains, 3 seeds, faults none; ")
    assert "no promise was broken" in page
    assert re.search(r"succeeded +3  first in seed 0", page)
    assert re.search(r"a domain, walk to open gate +0:\d\d:\d\d +0:\d\d:\d\d +0:\d\d:\d\d  45m \(seed \d\)", page)
    assert re.search(r"services broken +0; wave all tolerates 1", page)
    assert re.search(r"gate passed +18  first in seed 0", page)
    assert "max_parallel 2 starts all 2 services at once" in page


def test_the_document_says_the_same_for_programs() -> None:
    code, text, _ = rehearse("--seeds", "4", "--domains", "2", "--faults", "storm", "-o", "json")
    document = json.loads(text)
    assert code == 0
    assert (document["seeds"], document["faults"], document["violations"]) == (4, "storm", [])
    assert sum(document["outcomes"].values()) == 4
    assert document["durations"]["rollout"]["max"] >= document["durations"]["rollout"]["p50"] > 0
    assert document["worst"]["domains_down"]["value"] <= 2
    assert document["tolerance"] == {"all": 1}


def test_the_same_rehearsal_says_the_same_again() -> None:
    assert rehearse("--seeds", "3", "--domains", "2") == rehearse("--seeds", "3", "--domains", "2")


def test_a_traced_seed_is_a_readable_timeline() -> None:
    code, told, _ = rehearse("--faults", "none", "--domains", "2", "--seed", "5", "--trace")
    lines = told.splitlines()
    assert code == 0
    assert any(re.fullmatch(r"0:\d\d:\d\d\.\d  svc-a +intends call 2: walk of domain 0", line) for line in lines)
    assert any(re.search(r"→ walk svc-a domain 0 by storm/svc-a#1/2", line) for line in lines)
    assert any(re.search(r"svc-b +ENDS as succeeded: all 2 domains run the new release", line) for line in lines)
    assert re.fullmatch(r"seed 5, trace [0-9a-f]{16}, \d+ steps", lines[-1])
    times = [line.partition("  ")[0] for line in lines if re.match(r"\d:\d\d:\d\d\.\d  ", line)]
    assert times == sorted(times)


@pytest.mark.usefixtures("one_look")
def test_a_broken_promise_exits_1_and_gives_the_line_that_shows_it_again() -> None:
    code, page, said = rehearse("--faults", "none", "--seeds", "3", "--domains", "2")
    assert code == 1
    assert "A PROMISE WAS BROKEN: looks: storm/svc-" in page
    again = said.splitlines()[-1].strip()
    assert again == (f"rollout rehearse -f {CASES}/storm.yaml --faults none --domains 2 --seed 0 --trace")
    code, told, _ = rehearse(*again.split()[4:])
    assert code == 1
    assert "A PROMISE WAS BROKEN: looks" in told


@pytest.mark.parametrize(
    ("change", "domains", "said"),
    [
        ("health.retry_timeout=1h", "3", "health.retry_timeout 1h is never used up: walk.domain_timeout 45m ends"),
        ("health.stable_duration=0s", "3", "health.stable_duration is 0s: a single healthy answer opens the gate"),
        ("health.interval=5m", "3", "health.interval 5m is longer than health.stable_duration 2m"),
        ("walk.domain_timeout=8m", "3", "walk.domain_timeout 8m is short: recorded domains took up to 9m6s"),
        ("timeout=20m", "3", "timeout 20m is shorter than 3 domains need"),
        ("rollback.timeout=5m", "3", "rollback.timeout 5m is shorter than 3 domains need to go back"),
        ("walk.bake_before_last=0s", "3", "walk.bake_before_last is 0s"),
        ("on_failure.service=hold", "3", "every failing service stays as it is until a person speaks"),
        ("walk.allow_no_rollback=true", "1", "services of one upgrade domain have no way back"),
        ("waves[0].failure_tolerance=1", "3", "halts only after 2 of 2 services have failed: half the fleet"),
    ],
)
def test_a_weak_spot_is_called_out_in_words(change: str, domains: str, said: str) -> None:
    _, page, _ = rehearse("--set", change, "--faults", "none", "--seeds", "1", "--domains", domains)
    assert said in page.partition("Weak spots")[2]


class Blind:
    """A kit whose checks never know anything."""

    def __call__(self, kit: Kit) -> Kit:
        return replace(kit, probe_of=lambda plan: Probe([Clueless(check) for check in plan.health.checks], nothing))


@dataclass(frozen=True)
class Clueless:
    """A check that is always unknown."""

    plan: CheckPlan
    hook: str = ""
    looks: bool = False

    async def ask(self, question: Question) -> Evidence:
        del question
        return unknown(self.plan, "nobody knows")


async def nothing(_: Target) -> Observation:
    return Unreachable("nobody looks")


def test_a_check_that_is_always_unknown_is_called_out_in_words(stage_of: Callable[..., Stage]) -> None:
    stage, tally = stage_of("one", "none", domains=2, around=Blind()), Tally()
    tally.add(play(stage, 0))
    assert tally.violations == []
    said = "the checks were unknown more often than a gate passed: they say too little to go by"
    assert said in weaknesses(stage, tally)
    assert "1 of 1 seeds ended waiting for a person (seed 0)" in weaknesses(stage, tally)


@pytest.mark.timeout(300)
def test_dying_at_every_moment_is_counted_by_kind(stage_of: Callable[..., Stage]) -> None:
    told = CrashEverywhere(stage_of("one", domains=2), every=40)
    assert [each for each in told if each is not None] == []
    page, document = deaths_as_table(told.told), json.loads(deaths_as_json(told.told))
    assert re.search(r"died at \d+ moments: alone, with the machine, and again on the way back", page)
    assert re.search(r"within the sync +\d+\n", page)
    assert page.endswith("no death made a difference: the same endings, and the same effects on every service")
    assert (document["differences"], document["lives"]) == ([], told.told.lives)


def test_a_death_that_makes_a_difference_is_told_with_its_moment() -> None:
    told = Everywhere(differences=[Difference("as planned", 7, "in flight: upgrade svc-a", "it ends twice")])
    assert "1 death made a DIFFERENCE\n  - as planned, moment 7 (in flight: upgrade svc-a): it ends twice" in (
        deaths_as_table(told)
    )


def test_crash_all_exits_0_where_no_death_makes_a_difference_and_1_where_one_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(everywhere, "deaths", lambda moments: [(each, (Death(moment=each),)) for each in moments][:2])
    assert rehearse("--crash", "all", "--domains", "2", policy="one")[0] == 0
    monkeypatch.setattr(everywhere, "_difference", lambda _undisturbed, _played: "something else")
    code, page, _ = rehearse("--crash", "all", "--domains", "2", policy="one")
    assert code == 1
    assert "4 deaths made a DIFFERENCE" in page


PLANTED = {
    "window": "health.retry_timeout 2h is longer than the longest of its windows (1h) of wave all: a domain that turns",
    "tolerance": "failure_tolerance 1 halts only after 2 of 4 services have failed: half the fleet may be broken",
    "blind": "check command is unknown whenever it is asked, for allow.commands in the settings has no 'smoke'",
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_policy_with_a_planted_weakness_is_called_out_in_words(name: str) -> None:
    code, page, _ = rehearse("--faults", "none", "--seeds", "1", "--domains", "2", policy=f"weak_{name}")
    assert code == 0
    assert PLANTED[name] in page.partition("Weak spots")[2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--crash", "all", "--seed", "3"), "it takes no --seed"),
        (("--trace",), "--trace tells one run: name it with --seed"),
        (("--domains", "5", "--instances", "3"), "--instances 3 is less than --domains 5"),
    ],
)
def test_options_that_do_not_fit_are_refused(words: tuple[str, ...], said: str) -> None:
    code, page, told = rehearse(*words)
    assert (code, page) == (64, "")
    assert said in told


@pytest.mark.parametrize("name", ["configure", "settings", "staging-swap", "status", "swap", "web"])
def test_every_policy_of_this_repository_can_be_rehearsed(name: str) -> None:
    policy = Path(__file__).parents[2] / "policies" / f"{name}.yaml"
    done = CliRunner().invoke(cli, ["rehearse", "-f", str(policy), "--seeds", "1", "--faults", "none"])
    assert done.exit_code == 0, done.output
    assert "no promise was broken" in done.stdout
