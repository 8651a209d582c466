"""The rank test of Mann and Whitney: whether the numbers of one group are larger than another's, or chance made it so.

Exact for small groups without ties, by the normal approximation with the correction for ties otherwise. One-sided.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import Final

EXACT_MAX: Final = 20
"""Largest group for which every arrangement is counted."""


def p_larger(ones: Sequence[float], others: Sequence[float]) -> float:
    """Give the chance of seeing `ones` this much larger than `others`, or more, if both came from one source."""
    m, n = len(ones), len(others)
    ranks, ties = _ranks([*ones, *others])
    u = sum(ranks[:m]) - m * (m + 1) / 2
    if not ties and max(m, n) <= EXACT_MAX:
        least = round(u)
        return sum(_arrangements(m, n, each) for each in range(least, m * n + 1)) / math.comb(m + n, m)
    total = m + n
    tied = sum(each**3 - each for each in ties)
    variance = m * n / 12 * (total + 1 - tied / (total * (total - 1)))
    if variance <= 0:
        return 1.0  # every number is the same
    z = (u - m * n / 2 - 0.5) / math.sqrt(variance)
    return 0.5 * math.erfc(z / math.sqrt(2))


def _ranks(values: Sequence[float]) -> tuple[list[float], list[int]]:
    """Give each value's rank, equal ones sharing theirs, and the sizes of the groups of equal ones."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks, ties = [0.0] * len(values), list[int]()
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for place in order[start:end]:
            ranks[place] = (start + 1 + end) / 2
        if end - start > 1:
            ties.append(end - start)
        start = end
    return ranks, ties


@cache
def _arrangements(m: int, n: int, u: int) -> int:
    """Count the orders of m ones and n others in which exactly u pairs have the one behind the other."""
    if u < 0 or u > m * n:
        return 0
    if m == 0 or n == 0:
        return 1
    # The last place is taken by a one, behind all n others, or by an other.
    return _arrangements(m - 1, n, u - n) + _arrangements(m, n - 1, u)
