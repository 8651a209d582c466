"""How long these very services took before, as a journal has recorded it, in place of what was recorded of others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from rollout.core import event
from rollout.core.event import Entry, Finding
from rollout.core.names import is_service_stream, parse_service_stream
from rollout.core.operation import Operation, Walk
from rollout.emulator import chance
from rollout.emulator.durations import Durations, Recorded
from rollout.simulation.effects import verb_of

ENOUGH: Final = 3
"""Fewer times than this say nothing of a service; the recorded distributions of the API speak then."""

Key = tuple[str, str]
"""A service in lower case, and a verb of the emulator."""


@dataclass(frozen=True, slots=True)
class History:
    """Seconds that a verb took on a service, in order of size. Empty = nothing is known."""

    took_s: Mapping[Key, tuple[float, ...]] = field(default_factory=dict)

    def at(self, key: Key, quantile: float) -> float | None:
        """Give the seconds at a quantile, along straight lines between those that happened; None = too few did."""
        known = self.took_s.get(key, ())
        if len(known) < ENOUGH:
            return None
        place = quantile * (len(known) - 1)
        low = min(int(place), len(known) - 2)
        return known[low] + (known[low + 1] - known[low]) * (place - low)


def history_of(entries: Iterable[Entry]) -> History:
    """Read how long calls took from their acceptance to the end that was seen; of a walk, until the domain settled."""
    found: dict[Key, list[float]] = {}
    under_way: dict[str, tuple[Operation, float]] = {}
    intended: dict[str, Operation] = {}
    for entry in entries:
        if not is_service_stream(entry.stream):
            continue
        match entry.fact:
            case event.Intended(operation=operation):
                intended[entry.stream] = operation
            case event.Accepted():
                under_way[entry.stream] = (intended[entry.stream], entry.now.t)
            case event.Succeeded() if not isinstance(intended.get(entry.stream), Walk):
                _note(found, under_way, entry)
            case event.Observed(finding=Finding.SETTLED):
                _note(found, under_way, entry)
            case event.Failed() | event.Lost() | event.TurnedBack():
                under_way.pop(entry.stream, None)
            case _:
                pass
    return History({key: tuple(sorted(values)) for key, values in found.items()})


def _note(found: dict[Key, list[float]], under_way: dict[str, tuple[Operation, float]], entry: Entry) -> None:
    begun = under_way.pop(entry.stream, None)
    if begun is not None:
        operation, since_t = begun
        service = parse_service_stream(entry.stream)[1].lower()
        found.setdefault((service, verb_of(operation)[0].value), []).append(entry.now.t - since_t)


@dataclass(slots=True)
class Remembered(Durations):
    """Draws from what happened before where enough did, else from the recorded distributions."""

    history: History = field(default_factory=History)
    scale: float = 1.0
    """How many times faster all of it is."""

    def draw(self, recorded: Recorded, service: str, verb: str, domain: int | None = None) -> float:
        """Give seconds of the emulated service; `service` is `<name>/<slot>` or a name."""
        fallback_s = super(Remembered, self).draw(recorded, service, verb, domain)  # slots leave no bare super()
        number = self._counts[service, verb, -1 if domain is None else domain]
        quantile = chance.unit(self.seed, "history", service, verb, -1 if domain is None else domain, number)
        known_s = self.history.at((service.partition("/")[0].lower(), str(verb)), quantile)
        return (fallback_s if known_s is None else known_s) / self.scale
