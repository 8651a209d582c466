"""How long things are expected to take: from recorded durations, or from what the rollout has seen itself. Pure."""

from collections.abc import Sequence
from typing import Final

import msgspec

from rollout.core.plan import ServicePlan

DOMAINS_ASSUMED: Final = 5
"""Upgrade domains of a service that was not looked at yet: the platform's own default."""
EXPERIENCE_MIN: Final = 3
"""So many services of a rollout have to be done before their time counts more than what was recorded elsewhere."""
EXPERIENCE_MAX: Final = 50
"""How many of the last ones count."""


class PlatformPace(msgspec.Struct, frozen=True):
    """What the platform takes by itself, in seconds: to begin a change, and to walk one domain until it has settled."""

    begin_s: float
    domain_s: float


RECORDED: Final = PlatformPace(begin_s=30.0, domain_s=543.0)
"""Medians of recorded live traffic (a walked domain is recorded as the upgrade of a single one)."""


def expected_s(plan: ServicePlan, domains: int, pace: PlatformPace) -> float:
    """Give the seconds from admission to the end of a service with so many domains, all going well."""
    gate_s = plan.health.wait_s + plan.health.stable_s
    return pace.begin_s + domains * (pace.domain_s + gate_s) + plan.walk.bake_before_last_s


def experienced_s(took_s: Sequence[float], otherwise_s: float) -> float:
    """Give the median of what services of this rollout took; while there are too few, the expectation without them."""
    last = sorted(took_s[-EXPERIENCE_MAX:])
    return last[len(last) // 2] if len(last) >= EXPERIENCE_MIN else otherwise_s
