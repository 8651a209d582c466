"""One sentence on what a service rollout is doing, since when, and what happens next if nobody does anything."""

from datetime import UTC, datetime

from rollout.core.decide import consider
from rollout.core.names import Now
from rollout.core.service import ServiceRollout
from rollout.policy.duration import format_duration

TENTHS_BELOW_S = 10.0


def explain(state: ServiceRollout, now: Now) -> str:
    """Say it from the very branch of `decide` that acts."""
    following = consider(state, now)
    since = f", for {spell(now.t - state.phase_since_t)}" if following.action is not None else ""
    rest = ""
    if following.until_t is not None and following.then:
        left_s = following.until_t - now.t
        rest = f"; {following.then} in {spell(left_s)}" if left_s > 0 else f"; {following.then} with the next look"
    return f"{state.plan.service} {following.doing}{since}{rest}."


def spell(seconds: float) -> str:
    """Write a duration for people: tenths below ten seconds, whole seconds above."""
    digits = 1 if seconds < TENTHS_BELOW_S else 0
    return format_duration(round(max(seconds, 0.0), digits))


def clock_text(wall: float) -> str:
    """Write a moment of people's clock, in UTC."""
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
