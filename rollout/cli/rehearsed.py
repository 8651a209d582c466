"""What a rehearsal showed, as a page for people or as one JSON document. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from rollout.cli.timeline import clock
from rollout.policy.duration import format_duration
from rollout.simulation.everywhere import Everywhere
from rollout.simulation.stage import Stage
from rollout.simulation.tally import P95, Spread, Tally, Worst
from rollout.simulation.weak import weaknesses
from rollout.views.text import counted, printable

MEDIAN: Final = 0.5
NAME_WIDTH: Final = 36


def as_table(stage: Stage, tally: Tally) -> str:
    """Give the page; it ends with a line feed of its own only between paragraphs."""
    return printable("\n".join(_page(stage, tally)))


def _page(stage: Stage, tally: Tally) -> Iterator[str]:
    plan, services = stage.compiled.plan, len(stage.compiled.services)
    yield (
        f"{plan.rollout}: {counted(services, 'service')} of {counted(stage.domains, 'domain')}, "
        f"{counted(tally.seeds, 'seed')}, faults {stage.profile}; {tally.virtual_s / 3600:.0f} hours of virtual time"
    )
    broken = tally.violations
    yield f"A PROMISE WAS BROKEN: {broken[0].invariant}: {broken[0].said}" if broken else "no promise was broken"
    yield from _counts("How rollouts ended", tally.outcomes.most_common(), tally.shown)
    yield from _counts("How services ended", tally.endings.most_common(), {})
    yield ""
    yield f"{'How long it took':{NAME_WIDTH}}{'p50':>10}{'p95':>10}{'longest':>10}  limit"
    first = stage.compiled.services[0]
    yield _durations("a domain, walk to open gate", tally.domain, first.walk.domain_timeout_s)
    yield _durations("a service", tally.service, first.timeout_s)
    yield _durations("the rollout", tally.rollout, None)
    if tally.approval.values:
        yield _durations("an approval, asked to given", tally.approval, None)
    yield ""
    yield "The worst at one moment"
    yield _worst("domains down", tally.domains_down)
    yield _worst("instances down", tally.instances_down)
    for wave in plan.waves:
        yield _worst("services broken", tally.broken) + f"; wave {wave.name} tolerates {wave.failure_tolerance}"
    yield _worst("services failed in one run", tally.failed)
    yield from _counts("What was used", tally.used.most_common(), tally.first_used)
    if tally.hits or tally.deaths:
        struck = ", ".join(f"{fault} {times}" for fault, times in tally.hits.most_common())
        yield ""
        yield f"Faults that struck: {struck}; the engine died {counted(tally.deaths, 'time')}"
    weak = weaknesses(stage, tally)
    yield ""
    yield "Weak spots" if weak else "No weak spot was found"
    yield from (f"  - {each}" for each in weak)


def _counts(title: str, counts: Iterable[tuple[str, int]], seeds: dict[str, int]) -> Iterator[str]:
    yield ""
    yield title
    for name, count in counts:
        seed = f"  first in seed {seeds[name]}" if name in seeds else ""
        yield f"  {name:{NAME_WIDTH}}{count:>8}{seed}"


def _durations(name: str, spread: Spread, limit_s: float | None) -> str:
    if not spread.values:
        return f"  {name:{NAME_WIDTH - 2}}{'-':>10}"
    limit = "" if limit_s is None else format_duration(limit_s)
    times = (spread.at(MEDIAN), spread.at(P95), spread.longest.value)
    shown = "".join(f"{clock(each).partition('.')[0]:>10}" for each in times)
    return f"  {name:{NAME_WIDTH - 2}}{shown}  {limit or '-'} (seed {spread.longest.seed})"


def _worst(name: str, worst: Worst) -> str:
    seed = f"  first in seed {worst.seed}" if worst.value else ""
    return f"  {name:{NAME_WIDTH}}{worst.value:>8.0f}{seed}"


def as_json(stage: Stage, tally: Tally) -> str:
    """Give the document. Durations are seconds; `worst` names the first seed that shows each maximum."""
    plan = stage.compiled.plan
    document: dict[str, Any] = {
        "rollout": plan.rollout,
        "services": len(stage.compiled.services),
        "domains": stage.domains,
        "instances": stage.instances,
        "faults": stage.profile.value,
        "seeds": tally.seeds,
        "virtual_hours": round(tally.virtual_s / 3600, 1),
        "violations": [
            {"invariant": each.invariant, "seed": each.seed, "at": round(each.at, 1), "said": each.said}
            for each in tally.violations
        ],
        "outcomes": dict(tally.outcomes),
        "outcome_seeds": tally.shown,
        "endings": dict(tally.endings),
        "durations": {
            "domain": _spread(tally.domain),
            "service": _spread(tally.service),
            "rollout": _spread(tally.rollout),
            "approval": _spread(tally.approval),
        },
        "worst": {
            "domains_down": _seeded(tally.domains_down),
            "instances_down": _seeded(tally.instances_down),
            "services_broken": _seeded(tally.broken),
            "services_failed": _seeded(tally.failed),
        },
        "tolerance": {wave.name: wave.failure_tolerance for wave in plan.waves},
        "used": dict(tally.used),
        "faults_struck": dict(tally.hits),
        "deaths": tally.deaths,
        "weak_spots": weaknesses(stage, tally),
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def deaths_as_table(told: Everywhere) -> str:
    """Give the page on dying at every moment."""
    total, counts = sum(told.points.values()), sorted(told.points.items())
    lines = [f"died at {counted(total, 'moment')}: alone, with the machine, and again on the way back", ""]
    lines += [f"  {kind:{NAME_WIDTH}}{count:>8}" for kind, count in counts]
    lines += ["", f"{told.lives} lives in all; "]
    if not told.differences:
        lines[-1] += "no death made a difference: the same endings, and the same effects on every service"
    else:
        lines[-1] += f"{counted(len(told.differences), 'death')} made a DIFFERENCE"
        lines += [f"  - {each.scene}, moment {each.moment} ({each.about}): {each.said}" for each in told.differences]
    return printable("\n".join(lines))


def deaths_as_json(told: Everywhere) -> str:
    """Give the document on dying at every moment."""
    differences = [
        {"scene": each.scene, "moment": each.moment, "about": each.about, "said": each.said}
        for each in told.differences
    ]
    document = {"moments": dict(sorted(told.points.items())), "lives": told.lives, "differences": differences}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def _spread(spread: Spread) -> dict[str, float | int]:
    return {
        "p50": round(spread.at(MEDIAN), 1),
        "p95": round(spread.at(P95), 1),
        "max": round(spread.longest.value, 1),
        "seed": spread.longest.seed,
    }


def _seeded(worst: Worst) -> dict[str, int]:
    return {"value": int(worst.value), "seed": worst.seed}
