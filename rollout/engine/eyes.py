"""One paced look at a deployment, for checks: it counts against the same budget as every other question."""

from rollout.core.names import Target
from rollout.core.outcome import Unreachable
from rollout.core.snapshot import Observation
from rollout.engine.pacer import Kind, Lane, Pacer
from rollout.platforms.platform import Platform


class Eyes:
    """Looks when there is room for one more question in the target's scope."""

    def __init__(self, platform: Platform, pacer: Pacer) -> None:
        self._platform = platform
        self._pacer = pacer

    async def look(self, target: Target) -> Observation:
        """Look once. A throttled look tells the pacer, and is no evidence."""
        scope = self._platform.write_scope(target)
        await self._pacer.permit(scope, Kind.READ, Lane.FORWARD)
        seen = await self._platform.observe(target)
        if isinstance(seen, Unreachable) and seen.throttled:
            self._pacer.throttled(scope, Kind.READ, seen.retry_after_s)
        return seen
