"""Looks for the largest count that holds: double, bisect, confirm. Each try is a measurement, so there are few."""

from collections.abc import Callable

import msgspec

Holds = Callable[[int], bool]


class Found(msgspec.Struct, frozen=True):
    """What a search came to. `held` 0 = not even the smallest; `missed` None = the limit held."""

    held: int
    missed: int | None


def largest(holds: Holds, first: int, limit: int, *, precision: float) -> Found:
    """Search from `first` on, at most up to `limit`; what is given held twice, on two different tries.

    `precision` is how far the largest that held and the smallest that did not may be apart, as a share of the former.
    """
    found = bisected(holds, doubled(holds, first, limit), precision)
    while found.held and not holds(found.held):
        # Luck: it goes on between what is sure to be too much and half of it.
        found = bisected(holds, _lower(holds, found.held), precision)
    return found


def doubled(holds: Holds, first: int, limit: int) -> Found:
    """Go up by doubling while it holds, or down by halving until it does."""
    if not holds(first):
        return _lower(holds, first)
    held = first
    while held < limit:
        tried = min(2 * held, limit)
        if not holds(tried):
            return Found(held, tried)
        held = tried
    return Found(held, None)


def bisected(holds: Holds, found: Found, precision: float) -> Found:
    """Narrow down what lies between."""
    held, missed = found.held, found.missed
    while missed is not None and held and missed - held > max(1, precision * held):
        tried = (held + missed) // 2
        if holds(tried):
            held = tried
        else:
            missed = tried
    return Found(held, missed)


def _lower(holds: Holds, missed: int) -> Found:
    tried = missed // 2
    while tried and not holds(tried):
        missed, tried = tried, tried // 2
    return Found(tried, missed)
