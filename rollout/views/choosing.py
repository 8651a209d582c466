"""Some of a rollout's services: those of a wave, those that names or tags select, those in a phase. Pure."""

from collections.abc import Callable
from typing import Final

import msgspec

from rollout.core.commands import COLUMNS
from rollout.core.names import ServiceName
from rollout.errors import UsageError
from rollout.policy.model.select import Names, Tagged, parse_selector
from rollout.views.reading import Read
from rollout.views.view import phase_name

PHASES: Final = frozenset(phase_name(phase) for phase in COLUMNS)


class Selection(msgspec.Struct, frozen=True):
    """Which services are meant; what is None does not narrow."""

    wave: str | None = None
    select: str | None = None
    """Names such as `web-01,web-02`, or tags such as `tag:region=weu & !tag:canary`."""
    phase: str | None = None

    @property
    def fields(self) -> dict[str, str]:
        """Give what was said, by name."""
        named = {"wave": self.wave, "select": self.select, "phase": self.phase}
        return {name: value for name, value in named.items() if value is not None}


EVERYTHING = Selection()
NOT_ROWS = Selection(phase="needs_operator")
"""For who reads a rollout for its head: hardly a service is ever in this phase, and a fleet has ten thousand rows."""


def chosen(read: Read, selection: Selection) -> list[ServiceName]:
    """Give the services that are meant, in fleet order. Raises UsageError for what is not there or cannot be read."""
    names = list(read.services)
    if selection.wave is not None:
        waves = {wave.name: frozenset(wave.services) for wave in read.rollout.plan.waves}
        if selection.wave not in waves:
            raise UsageError(f"{read.rollout.plan.rollout} has no wave {selection.wave}; it has {', '.join(waves)}")
        names = [name for name in names if name in waves[selection.wave]]
    if selection.phase is not None:
        if selection.phase not in PHASES:
            raise UsageError(f"there is no phase {selection.phase}; there are {', '.join(sorted(PHASES))}")
        names = [name for name in names if phase_name(read.services[name].phase) == selection.phase]
    if selection.select is not None:
        fits = _fitting(read, selection.select)
        names = [name for name in names if fits(name)]
    return names


def known(read: Read, service: str) -> ServiceName:
    """Give the name of a service that is there. Raises UsageError for any other."""
    name = ServiceName(service)
    if name not in read.services:
        own = read.rollout.plan.rollout
        raise UsageError(f"rollout {own} has no service {service}; `rollout get {own}` names them")
    return name


def _fitting(read: Read, text: str) -> Callable[[ServiceName], bool]:
    try:
        selector = parse_selector(text)
    except ValueError as error:
        raise UsageError(f"`select` {error}") from None
    tags = read.rollout.plan.tags
    match selector:
        case Names(names=names):
            wanted = frozenset(known(read, each) for each in names)
            return lambda name: name in wanted
        case Tagged():
            return lambda name: selector.matches(dict(tags.get(name, {})))
        case _:
            raise UsageError("`select` takes names or tags, such as `web-01,web-02` or `tag:region=weu`")
