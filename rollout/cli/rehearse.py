"""`rollout rehearse`: the same engine runs a policy on an emulated fleet in virtual time, with faults, many times."""

import functools
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import click

from rollout.cli.ending import Code
from rollout.cli.params import policy_option, sets_option

if TYPE_CHECKING:
    from rollout.simulation.play import Played
    from rollout.simulation.stage import Stage
    from rollout.simulation.tally import Tally

T_co = TypeVar("T_co", covariant=True)

SEEDS: Final = 50
SEEDS_MAX: Final = 1_000_000
DOMAINS: Final = 5
DOMAINS_MAX: Final = 20
INSTANCES_MAX: Final = 250


class Sized(Protocol[T_co]):
    """What can be gone through once, and knows its length."""

    def __len__(self) -> int:
        """Give how many there are."""
        ...

    def __iter__(self) -> Iterator[T_co]:
        """Go through them."""
        ...


@click.command()
@policy_option
@sets_option
@click.option("--seeds", type=click.IntRange(1, SEEDS_MAX), default=SEEDS, show_default=True, help="How many runs.")
@click.option(
    "--faults",
    type=click.Choice(["none", "realistic", "storm"]),
    default="realistic",
    show_default=True,
    help="storm: everything that can go wrong, people and strangers included.",
)
@click.option(
    "--lane",
    type=click.Choice(["direct", "http"]),
    default="direct",
    show_default=True,
    help="http: with the real client and every byte to the emulator; slower.",
)
@click.option("--domains", type=click.IntRange(1, DOMAINS_MAX), default=DOMAINS, show_default=True)
@click.option("--instances", type=click.IntRange(1, INSTANCES_MAX), help="Of each role.  [default: one per domain]")
@click.option("--crash", type=click.Choice(["all"]), help="Die at every moment of a calm run instead, one by one.")
@click.option(
    "--state", type=click.Path(path_type=Path), help="Take durations from what this state directory has recorded."
)
@click.option(
    "--time-scale",
    type=click.FloatRange(1, 100_000),
    default=1.0,
    help="Let the service work so many times faster, as `rollout emulator` does: for policies sized for that.",
)
@click.option(
    "--approve",
    type=click.Choice(["never", "drawn"]),
    default="drawn",
    show_default=True,
    help="Who is asked to approve does so after a drawn part of the time the policy gives, or never.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Play only this seed.")
@click.option("--trace", is_flag=True, help="With --seed: tell everything that happens in it.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.pass_context
def rehearse(
    ctx: click.Context,
    *,
    policy: str,
    sets: tuple[str, ...],
    seeds: int,
    faults: str,
    lane: str,
    domains: int,
    instances: int | None,
    crash: str | None,
    state: Path | None,
    time_scale: float,
    approve: str,
    seed: int | None,
    trace: bool,
    output: str,
) -> None:
    """Rehearse a policy: run it many times on an emulated fleet, in virtual time.

    Nothing outside this process is touched and nothing is kept. Each seed draws
    its own durations, faults and order of events; the same seed is the same run.
    Every promise of the engine is checked against what the emulated services
    show. Exit code 0: none was broken; 1: one was, and its seed is named.
    """
    from rollout.assembly import make_kit
    from rollout.policy.load import load_policy
    from rollout.settings import RunSettings
    from rollout.simulation.history import history_of
    from rollout.simulation.stage import Approve, LaneName, staged
    from rollout.simulation.weather import Profile
    from rollout.views.reading import read_entries

    if trace and seed is None:
        raise click.UsageError("--trace tells one run: name it with --seed", ctx)
    if crash is not None and seed is not None:
        raise click.UsageError("--crash all dies at every moment of one calm run: it takes no --seed", ctx)
    instances = domains if instances is None else instances
    if instances < domains:
        raise click.UsageError(f"--instances {instances} is less than --domains {domains}", ctx)
    # No loopback address: the pace is the one of a real subscription.
    settings = RunSettings("https://rehearsal.invalid", Path())
    stage = staged(
        load_policy(policy, sets=sets),
        functools.partial(make_kit, settings),
        Profile(faults),
        domains=domains,
        instances=instances,
        lane=LaneName(lane),
        history=None if state is None else history_of(read_entries(state)),
        time_scale=time_scale,
    )
    stage = replace(stage, mute=_mute(stage), approve=Approve(approve))
    if crash is not None:
        ctx.exit(_crashed(stage, output))
    tally = _traced(stage, seed) if trace and seed is not None else _tallied(stage, _seeds(seeds, seed))
    _print(stage, tally, output if not trace else "")
    if tally.violations:
        click.echo(_again(stage, tally, policy, sets), err=True)
        ctx.exit(Code.ERROR)


def _mute(stage: "Stage") -> dict[str, str]:
    """Give the checks that the settings of this place do not let anybody ask."""
    from rollout.gates.python import registered
    from rollout.settings.load import load_settings
    from rollout.simulation.mute import mute

    found = load_settings().settings
    checks = [check for plan in stage.compiled.services for check in plan.health.checks]
    return mute(checks, commands=found.allow.commands, servers=found.metrics, functions=registered())


def _seeds(count: int, seed: int | None) -> range:
    return range(count) if seed is None else range(seed, seed + 1)


def _tallied(stage: "Stage", seeds: range) -> "Tally":
    """Play the seeds; the first broken promise ends the rehearsal."""
    from rollout.simulation.tally import Tally

    tally = Tally()
    for seed in _shown(seeds, "seeds"):
        tally.add(_played(stage, seed))
        if tally.violations:
            break
    return tally


def _crashed(stage: "Stage", output: str) -> int:
    """Die at every moment, and give the exit code."""
    from rollout.cli.rehearsed import deaths_as_json, deaths_as_table
    from rollout.simulation.everywhere import CrashEverywhere

    everywhere = CrashEverywhere(stage)
    for _ in _shown(everywhere, "deaths"):
        pass
    click.echo(deaths_as_json(everywhere.told) if output == "json" else deaths_as_table(everywhere.told))
    return Code.ERROR if everywhere.told.differences else 0


def _shown(each: Sized[T_co], what: str) -> Iterator[T_co]:
    """Go through `each` under a progress bar on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("rehearsing"), BarColumn(), MofNCompleteColumn(), TextColumn(what), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(each))
        for one in each:
            yield one
            progress.advance(task)


def _played(stage: "Stage", seed: int) -> "Played":
    """Play one seed; should rollout itself fall over, the seed is named before the error is."""
    from rollout.simulation.play import play

    played = None
    try:
        played = play(stage, seed, watchdog=True)
    finally:
        if played is None:
            click.echo(f"seed {seed} was not played to its end", err=True)
    return played


def _traced(stage: "Stage", seed: int) -> "Tally":
    from rollout.cli.timeline import ending, timeline
    from rollout.simulation.tally import Tally

    played = _played(stage, seed)
    sys.stdout.write("\n".join([*timeline(played), *ending(played)]) + "\n")
    tally = Tally()
    tally.add(played)
    return tally


def _print(stage: "Stage", tally: "Tally", output: str) -> None:
    from rollout.cli.rehearsed import as_json, as_table

    if output == "json":
        click.echo(as_json(stage, tally))
    elif output == "table":
        click.echo(as_table(stage, tally))


def _again(stage: "Stage", tally: "Tally", policy: str, sets: tuple[str, ...]) -> str:
    """Give the one line that shows the broken promise again."""
    import shlex

    words = ["rollout", "rehearse", "-f", policy, "--faults", stage.profile.value, "--domains", str(stage.domains)]
    words += ["--lane", stage.lane.value] if stage.lane.value != "direct" else []
    words += ["--instances", str(stage.instances)] if stage.instances != stage.domains else []
    words += ["--time-scale", f"{stage.time_scale:g}"] if stage.time_scale != 1 else []
    words += ["--approve", stage.approve.value] if stage.approve.value != "drawn" else []
    for each in sets:
        words += ["--set", each]
    violation = tally.violations[0]
    again = shlex.join([*words, "--seed", str(violation.seed), "--trace"])
    return f"a promise was broken: {violation}\nshow it again with:\n  {again}"
