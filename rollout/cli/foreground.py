"""One rollout in the foreground: assemble, admit, run and show it until it is over or somebody interrupts."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from rollout.assembly import Assembly, assembled
from rollout.cli.ending import Code
from rollout.cli.screen import Output, Screen, Source
from rollout.cli.signals import Interrupts, interrupts
from rollout.cli.verdict import Verdict, verdict_of
from rollout.core.names import RolloutId, ServiceName
from rollout.core.result import Result
from rollout.planning.foresight import Foresight
from rollout.settings import RunSettings

Admit = Callable[[Assembly], Awaitable[RolloutId]]
"""Opens a rollout, or finds the one to go on with; nothing is begun yet."""


class Ended(NamedTuple):
    """How a run ended, and the exit code; `result` None = interrupted, and it can go on."""

    result: Result | None
    code: int


def _nobody(_: Verdict) -> None:
    """Tell nobody."""


async def conduct(
    settings: RunSettings, admit: Admit, output: Output, judged: Callable[[Verdict], None] = _nobody
) -> Ended:
    """Run the rollout that `admit` opens, and show it; `judged` is told how it came out.

    The first signal stops it resumable, a second one ends the process.
    """
    return await resumable(lambda told: _conduct(settings, admit, output, told, judged))


async def resumable(main: Callable[[Interrupts], Awaitable[Ended]]) -> Ended:
    """Run with this process's signals taken: the first one stops it so that it can go on later."""
    with interrupts() as told:
        try:
            return await main(told)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not told.told or task is None:
                raise
            task.uncancel()
            return Ended(None, Code.INTERRUPTED)


async def _conduct(
    settings: RunSettings, admit: Admit, output: Output, told: Interrupts, judged: Callable[[Verdict], None]
) -> Ended:
    screen = Screen(output, told.stop)
    told.tidy = screen.tidy
    async with assembled(settings, foresee=Foresight(settings)) as assembly:
        assembly.listen(screen.hear)
        rollout = await admit(assembly)
        source = Source(rollout, functools.partial(assembly.engine.services, rollout), assembly.clock.now)
        told.drain_by(assembly.engine.drain)
        async with screen.showing(source):
            result = await assembly.engine.run(rollout, strict_exit=settings.strict_exit)
        code = Code.INTERRUPTED if result is None else result.code
        screen.finish(source, result, code)
        if result is not None:
            judged(verdict_of(rollout, result, source.services(), _waves(assembly, rollout), source.now()))
        return Ended(result, code)


def _waves(assembly: Assembly, rollout: RolloutId) -> dict[ServiceName, str]:
    own = assembly.ledger.rollout(rollout)
    return {} if own is None else {name: wave.name for wave in own.plan.waves for name in wave.services}
