"""A plan as a page for people, or as one JSON document. Pure."""

from collections.abc import Iterator
from typing import Final

import msgspec

from rollout.core.explain import spell
from rollout.planning.document import PlanDocument, PlannedService, PlannedWave
from rollout.planning.said import about
from rollout.views.text import counted, printable

SERVICES_SHOWN_MAX: Final = 60
"""Of one wave; the JSON has all."""
NAME_WIDTH: Final = 24


def as_json(document: PlanDocument) -> str:
    """Give the document."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def as_table(document: PlanDocument) -> str:
    """Give the page."""
    return printable("\n".join(_page(document)))


def _page(document: PlanDocument) -> Iterator[str]:
    yield f"{document.rollout}: {document.summary}"
    yield f"{document.change}, {document.slot}, subscription {document.subscription}"
    if not document.looked:
        yield "nobody looked at the deployments (--offline): domains are assumed"
    for each in document.findings:
        whose = f"{each.about}: " if each.about else ""
        yield f"  {each.severity.value:8}{whose}{each.said}"
    for wave in document.waves:
        yield from _wave(document, wave)
    yield ""
    finish = document.finish
    for name, at, seconds in (
        ("best", finish.best, finish.best_s),
        ("expected", finish.expected, finish.expected_s),
        ("latest", finish.latest, finish.latest_s),
    ):
        yield f"  {name:9} {at or 'never by itself':22}{'' if seconds is None else f'+{about(seconds)}'}"
    if document.deadline is not None:
        yield f"  deadline  {document.deadline}"
    for known in document.durations:
        whose = ", ".join(f"{count} {source}" for source, count in known.services.items())
        times = f"{spell(known.best_s)} … {spell(known.expected_s)} … {spell(known.latest_s)}"
        yield f"  a {known.verb} with its gate takes {times} (services by source: {whose})"
    calls = document.calls
    paces = f"{calls.reads_per_s:g} and {calls.writes_per_s:g} a second"
    alone = about(calls.at_pace_s)
    yield f"  about {calls.reads:,} reads and {calls.writes:,} writes; at {paces} they alone take {alone}"
    yield f"  plan {document.plan[:12]}; nothing was changed"


def _wave(document: PlanDocument, wave: PlannedWave) -> Iterator[str]:
    yield ""
    strict = "strict" if wave.strict else "not strict"
    yield (
        f"wave {wave.wave}: {counted(len(wave.services), 'service')}, {wave.effective} at a time ({wave.bound_by}); "
        f"tolerates {wave.failure_tolerance} ({strict}), then {wave.on_failure.replace('_', ' ')}"
    )
    bakes = [("bakes after its first service", wave.bake_first_s), ("bakes at its end", wave.bake_s)]
    said = [f"{what} for {spell(seconds)}" for what, seconds in bakes if seconds]
    said += [f"needs {', '.join(wave.needs)}"] if wave.needs else []
    said += [f"approved by {wave.approve}"] if wave.approve else []
    said += [f"windows {'; '.join(wave.windows)}"] if wave.windows else []
    if said:
        yield f"  {'; '.join(said)}"
    ways = {
        _way_back(each): None for each in document.services if each.wave == wave.wave and each.standing == "changes"
    }
    yield from (f"  way back: {way}" for way in ways)
    members = {each.service: each for each in document.services if each.wave == wave.wave}
    for name in wave.services[:SERVICES_SHOWN_MAX]:
        yield _service(members[name])
    if len(members) > SERVICES_SHOWN_MAX:
        yield f"  … and {len(members) - SERVICES_SHOWN_MAX} more (-o json has all)"


def _service(each: PlannedService) -> str:
    place = "-" if each.order is None else str(each.order)
    head = f"  {place:>4} {each.service:{NAME_WIDTH}}"
    if each.standing != "changes":
        return f"{head}{each.standing}: {each.why}"
    times = (
        "never" if each.begins_s is None or each.ends_s is None else f"+{about(each.begins_s)} to +{about(each.ends_s)}"
    )
    seen = "" if each.looked else "?"
    return f"{head}{counted(each.domains, 'domain')}{seen}, {times}"


def _way_back(each: PlannedService) -> str:
    """Say it from before the first step: services of a wave mostly have the same."""
    if each.no_return == "none":
        return each.way_back
    return f"{each.way_back}; the point of no return is {each.no_return}"
