"""One rollout from a program that has no loop."""

import asyncio
from pathlib import Path
from typing import Any

from rollout.core.result import Result
from rollout.daemon.embedded import Engine
from rollout.policy.bundle import Bundle


def run_blocking(bundle: Bundle, state: str | Path, *, strict_exit: bool = False, **options: Any) -> Result:
    """Submit, and wait until the rollout is over or only a person moves it on. `options` are those of `Engine`.

    An interrupt stops it resumable: the same call goes on. Raises as `Engine` and its `submit` do.

    >>> result = run_blocking(load_policy("web.yaml"), "state", endpoint=url)
    >>> result.outcome, int(result.code)
    ('succeeded', 0)
    """

    async def main() -> Result:
        async with Engine(state, **options) as engine:
            return await (await engine.submit(bundle)).outcome(strict_exit=strict_exit)

    # `Runner.run` would take over SIGINT. An interrupt comes out here, and closing the runner lets the engine finish.
    with asyncio.Runner() as runner:
        return runner.get_loop().run_until_complete(main())
