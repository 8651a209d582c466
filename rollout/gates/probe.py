"""One round of checks: all at once, each within its own time and with a worker of its kind; evidence, no judgement."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from rollout.core.check_plan import Moment
from rollout.core.event import Evidence
from rollout.core.names import RolloutId, Target
from rollout.core.snapshot import Observation
from rollout.gates.check import Check, Question, unknown
from rollout.gates.workers import Workers

NOBODY: Final[Mapping[str, Workers]] = {}


class Probe:
    """The checks of one service's gates. What a check raises is our own mistake and is not caught."""

    def __init__(
        self,
        checks: Sequence[Check],
        look: Callable[[Target], Awaitable[Observation]],
        workers: Mapping[str, Workers] = NOBODY,
    ) -> None:
        self._checks = tuple(checks)
        self._look = look
        self._workers = workers

    def looks(self, names: Sequence[str]) -> int:
        """Tell how many looks a round of these checks takes, so how many permits it needs: all share one."""
        return int(any(check.looks for check in self._named(names)))

    async def round(
        self,
        rollout: RolloutId,
        target: Target,
        domains: tuple[int, ...],
        names: Sequence[str],
        *,
        moment: Moment = Moment.DOMAIN,
        since_t: float = 0.0,
        interval_s: float = 15.0,
    ) -> tuple[Evidence, ...]:
        """Ask the named checks once; evidence in the order of the checks. As long as the slowest, at most its timeout.

        A check that finds all workers of its kind busy waits for one as long again.
        """
        checks = self._named(names)
        async with asyncio.TaskGroup() as group:
            looking = [
                group.create_task(_seen(self._look, target), name=f"look at {target.service}")
                for _ in range(self.looks(names))
            ]

            async def look() -> Observation:
                return await asyncio.shield(looking[0])

            question = Question(rollout, target, domains, look, moment, since_t, interval_s)
            asked = [
                group.create_task(self._ask(check, question), name=f"check {check.plan.name} of {target.service}")
                for check in checks
            ]
            await asyncio.wait(asked) if asked else None
            for task in looking:
                task.cancel()
        return tuple(task.result() for task in asked)

    def _named(self, names: Sequence[str]) -> list[Check]:
        return [check for check in self._checks if check.plan.name in names]

    async def _ask(self, check: Check, question: Question) -> Evidence:
        workers = self._workers.get(check.plan.kind)
        if workers is None or not check.hook:
            return await _in_time(check, question)
        try:
            async with asyncio.timeout(check.plan.timeout_s) as bound, workers.one(check.hook):
                bound.reschedule(None)
                return await _in_time(check, question)
        except TimeoutError:
            if not bound.expired():
                raise
            return unknown(check.plan, f"no worker was free for {check.plan.kind} checks: {check.hook} is slow")


async def _seen(look: Callable[[Target], Awaitable[Observation]], target: Target) -> Observation:
    return await look(target)


async def _in_time(check: Check, question: Question) -> Evidence:
    try:
        async with asyncio.timeout(check.plan.timeout_s) as bound:
            return await check.ask(question)
    except TimeoutError:
        if not bound.expired():
            raise
        return unknown(check.plan, f"no answer within {check.plan.timeout_s:g} s")
