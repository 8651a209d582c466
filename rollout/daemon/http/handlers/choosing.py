"""Which of a rollout's services somebody means: by wave, by name or tag, by phase."""

from collections.abc import Mapping
from typing import Final

import msgspec

from rollout.core.commands import COLUMNS
from rollout.core.names import ServiceName
from rollout.daemon.http.problem import Refused
from rollout.policy.model.select import Names, Tagged, parse_selector
from rollout.views.reading import Read
from rollout.views.view import phase_name

PHASES: Final = frozenset(str(phase.__struct_config__.tag) for phase in COLUMNS)


class Chosen(msgspec.Struct, frozen=True):
    """What somebody named; what is None does not narrow."""

    wave: str | None = None
    select: str | None = None
    phase: str | None = None


def choose(read: Read, waves: Mapping[ServiceName, str], chosen: Chosen) -> list[ServiceName]:
    """Give the services that are meant, in fleet order. Raises Refused (400) for a wave or phase that there is not."""
    if chosen.wave is not None and chosen.wave not in waves.values():
        known = ", ".join(dict.fromkeys(waves.values()))
        raise Refused(400, f"there is no wave {chosen.wave[:80]}", instead=known)
    if chosen.phase is not None and chosen.phase not in PHASES:
        raise Refused(400, f"there is no phase {chosen.phase[:80]}", instead=", ".join(sorted(PHASES)))
    named = None if chosen.select is None else _selected(read, chosen.select)
    return [
        name
        for name, state in read.services.items()
        if (named is None or name in named)
        and (chosen.wave is None or waves.get(name) == chosen.wave)
        and (chosen.phase is None or phase_name(state.phase) == chosen.phase)
    ]


def _selected(read: Read, text: str) -> frozenset[ServiceName]:
    try:
        selector = parse_selector(text)
    except ValueError as error:
        raise Refused(400, f"select: {error}") from None
    tags = read.rollout.plan.tags
    match selector:
        case Names(names=names):
            unknown = [name for name in names if name not in read.services]
            if unknown:
                raise Refused(400, f"select: the rollout has no service {unknown[0][:80]}")
            return frozenset(ServiceName(name) for name in names)
        case Tagged():
            return frozenset(name for name in read.services if selector.matches(tags.get(name, {})))
        case _:
            raise Refused(400, "select: here it names services or tags, such as `web-01, web-02` or `tag:x & !tag:y`")
