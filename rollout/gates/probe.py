"""One round of checks about walked domains: all at once, each within its own time, one verdict."""

import asyncio
from collections.abc import Collection, Sequence

from rollout.core.event import Evidence, Verdict
from rollout.core.names import Target
from rollout.gates.check import Check


class Probe:
    """The checks of one gate. What a check raises is our own mistake and is not caught."""

    def __init__(self, checks: Sequence[Check]) -> None:
        self._checks = tuple(checks)

    async def round(self, target: Target, domains: Collection[int]) -> tuple[Verdict, tuple[Evidence, ...]]:
        """Ask every check once: any fail is a fail, else any unknown is unknown, else it passes.

        The evidence is in the order of the checks. It takes as long as the slowest check, at most its timeout.
        """
        if not self._checks:
            return Verdict.PASS, (Evidence("none", Verdict.PASS, "the policy asks for no checks"),)
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(_ask(check, target, domains), name=f"check {check.name} of {target.service}")
                for check in self._checks
            ]
        evidence = tuple(task.result() for task in asked)
        return _sum_up({each.verdict for each in evidence}), evidence


async def _ask(check: Check, target: Target, domains: Collection[int]) -> Evidence:
    try:
        async with asyncio.timeout(check.timeout_s) as bound:
            return await check.ask(target, domains)
    except TimeoutError:
        if not bound.expired():
            raise
        return Evidence(check.name, Verdict.UNKNOWN, f"no answer within {check.timeout_s:g} s")


def _sum_up(verdicts: set[Verdict]) -> Verdict:
    for verdict in (Verdict.FAIL, Verdict.UNKNOWN):
        if verdict in verdicts:
            return verdict
    return Verdict.PASS
