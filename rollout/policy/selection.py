"""Who is in which wave: every service is taken by the first wave that selects it. Pure, and the same every time."""

from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import chain, zip_longest

from rollout.policy.model.fleet import Fleet
from rollout.policy.model.policy import Policy
from rollout.policy.model.select import PERCENT_MAX, Names, Rest, Selector, Share, Tagged, Take
from rollout.policy.tree import Loc

SHOWN_MAX = 5


def waves_of(policy: Policy, fleet: Fleet) -> tuple[tuple[str, ...], ...]:
    """Give the services of each wave, in fleet order."""
    left, waves = list(fleet.services), []
    for wave in policy.waves:
        taken = set(_taken(wave.select, left, fleet))
        waves.append(tuple(name for name in left if name in taken))
        left = [name for name in left if name not in taken]
    return tuple(waves)


def _taken(select: Selector, left: Sequence[str], fleet: Fleet) -> Sequence[str]:
    match select:
        case Names(names=names):
            return names
        case Tagged():
            return [name for name in left if select.matches(fleet.services[name].tags)]
        case Share(percent=percent, spread=spread):
            # Rounded up in whole numbers: a fraction of a service is a service.
            return _spread(left, spread, fleet)[: -(-len(fleet.services) * percent // PERCENT_MAX)]
        case Take(count=count, spread=spread):
            return _spread(left, spread, fleet)[:count]
        case Rest():
            return left


def _spread(left: Sequence[str], tag: str | None, fleet: Fleet) -> Sequence[str]:
    """Order services so that each value of the tag has its turn; a service without the tag has a value of its own."""
    if tag is None:
        return left
    groups: dict[str, list[str]] = {}
    for name in left:
        groups.setdefault(fleet.services[name].tags.get(tag, ""), []).append(name)
    turns = chain.from_iterable(zip_longest(*groups.values()))
    return [name for name in turns if name is not None]


def wave_faults(policy: Policy, fleet: Fleet) -> Iterator[tuple[Loc, str]]:
    """Say which waves take nothing, which services nobody takes, and which `needs` can never be met."""
    waves = waves_of(policy, fleet)
    for number, services in enumerate(waves):
        # What stands behind a wave `rest` is told by the rules of the policy alone.
        if not services and not any(isinstance(wave.select, Rest) for wave in policy.waves[:number]):
            yield ("waves", number, "select"), "takes nothing: earlier waves take all of it, or no service fits"
    left = [name for name in fleet.services if name not in set(chain.from_iterable(waves))]
    if left:
        shown = ", ".join(left[:SHOWN_MAX]) + (f" and {len(left) - SHOWN_MAX} more" if len(left) > SHOWN_MAX else "")
        are = "service is" if len(left) == 1 else "services are"
        yield ("waves",), f"{len(left)} {are} in no wave: {shown}; add a wave with `select: rest`"
    yield from _circles(policy, fleet, waves)


def _circles(policy: Policy, fleet: Fleet, waves: Sequence[Sequence[str]]) -> Iterator[tuple[Loc, str]]:
    """Find what waits for itself: a service for its wave, a wave for the ones it needs, a service for those it needs.

    Circles of services alone are the fleet's own fault, and told there.
    """
    graph: dict[tuple[str, int | str], list[tuple[str, int | str]]] = {}
    for number, services in enumerate(waves):
        graph["wave", number] = [("end of wave", before) for before in needed_waves(policy, number)]
        graph["end of wave", number] = [("", name) for name in services]
        for name in services:
            graph["", name] = [("wave", number), *(("", needed) for needed in fleet.services[name].needs)]
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[tuple[str, int | str]] = error.args[1]
        first = min((node for kind, node in circle if kind and isinstance(node, int)), default=None)
        if first is not None:
            words = [str(node) if not kind else f"{kind} {policy.waves[int(node)].name}" for kind, node in circle]
            yield ("waves", first, "select"), f"needs go in a circle: {' -> '.join(reversed(words))}"


def needed_waves(policy: Policy, number: int) -> tuple[int, ...]:
    """Give the earlier waves that a wave waits for; unset, the one before."""
    needs = policy.waves[number].needs
    if needs is None:
        return (number - 1,) if number else ()
    return tuple(at for at, wave in enumerate(policy.waves[:number]) if wave.name in needs)
