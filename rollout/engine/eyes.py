"""One look at a deployment, for checks: it counts against the same budget as every other question."""

from rollout.core.names import Now, Target
from rollout.core.outcome import Progress, Unreachable
from rollout.core.snapshot import Absent, Look, Observation, Snapshot
from rollout.engine.pacer import Kind, Pacer
from rollout.errors import InvariantBroken
from rollout.platforms.platform import Platform


class Eyes:
    """Looks with a permit taken before: waiting for it is no fault of the platform, so no check's timeout runs then."""

    def __init__(self, platform: Platform, pacer: Pacer) -> None:
        self._platform = platform
        self._pacer = pacer

    async def look(self, target: Target) -> Observation:
        """Look once. A throttled look tells the pacer, and is no evidence."""
        scope, asked_t = self._platform.write_scope(target), self._pacer.now_t()
        if self._pacer.is_closed(scope, Kind.READ):
            self._pacer.give_back(scope, Kind.READ)
            return Unreachable("a Retry-After came before the look")
        seen = await self._platform.observe(target)
        tell_pacer(self._pacer, scope, asked_t, seen)
        return seen


def tell_pacer(pacer: Pacer, scope: str, asked_t: float, answer: Progress | Observation) -> None:
    """Tell the pacer what became of a question asked at engine second `asked_t`."""
    if not isinstance(answer, Unreachable):
        pacer.answered(scope, Kind.READ, asked_t, ok=True)
        return
    if answer.throttled:
        pacer.throttled(scope, Kind.READ, answer.retry_after_s)
    pacer.answered(scope, Kind.READ, asked_t, ok=answer.throttled)


def as_look(answer: Progress | Observation, now: Now) -> Look:
    """Take the answer to a look as what was seen at a moment."""
    if not isinstance(answer, Snapshot | Absent | Unreachable):
        raise InvariantBroken(f"a look was answered with {answer}")
    return Look(answer, now)
