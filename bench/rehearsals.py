"""Rehearse every policy of `policies/` and print the table that stands in the README: `python -m bench.rehearsals`."""

import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rollout.assembly import make_kit
from rollout.cli.timeline import clock
from rollout.policy.load import load_policy
from rollout.settings import RunSettings
from rollout.simulation.play import play
from rollout.simulation.stage import Stage, staged
from rollout.simulation.tally import P95, Tally
from rollout.simulation.weak import weaknesses
from rollout.simulation.weather import Profile

POLICIES: Final = ("web", "configure", "settings", "swap", "staging-swap", "status")
SEEDS: Final = 10
DOMAINS: Final = 5
TIME_SCALE: Final = 500.0
"""What the policies of this repository are sized for."""
HEAD: Final = "| policy | how 10 seeds ended | p50, p95 | domains down | weak spots |"


def stage_of(name: str, policies: Path = Path("policies")) -> Stage:
    """Stage one policy as `rollout rehearse -f policies/NAME.yaml --time-scale 500 --faults realistic` does."""
    kit = functools.partial(make_kit, RunSettings("https://rehearsal.invalid", Path()))
    bundle = load_policy(policies / f"{name}.yaml")
    return staged(bundle, kit, Profile.REALISTIC, domains=DOMAINS, instances=DOMAINS, time_scale=TIME_SCALE)


def row(name: str, tally: Tally, stage: Stage) -> str:
    """Give one line of the table."""
    ended = ", ".join(f"{count} {outcome}" for outcome, count in tally.outcomes.most_common())
    times = f"{_minutes(tally.rollout.at(0.5))}, {_minutes(tally.rollout.at(P95))}"
    weak = "; ".join(weaknesses(stage, tally)) or "none"
    return f"| `{name}` | {ended} | {times} | {tally.domains_down.value:.0f} | {weak} |"


def rows() -> Iterator[str]:
    """Rehearse all policies; raises the first broken promise."""
    for name in POLICIES:
        stage, tally = stage_of(name), Tally()
        for seed in range(SEEDS):
            tally.add(play(stage, seed))
            if tally.violations:
                raise tally.violations[0]
        yield row(name, tally, stage)


def _minutes(seconds: float) -> str:
    return clock(seconds).partition(".")[0].removeprefix("0:")


if __name__ == "__main__":
    sys.stdout.write("\n".join([HEAD, "|---|---|---|---|---|", *rows()]) + "\n")
