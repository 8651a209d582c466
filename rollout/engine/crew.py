"""The crew of one rollout: a runner for each of its services that is under way, and whoever works beside them."""

import asyncio
from collections.abc import Coroutine, MutableMapping
from typing import Any

from rollout.core.names import StreamName
from rollout.engine.kit import Kit
from rollout.engine.runner import Runner


class Crew:
    """Tasks in one group. `runners` are those of the whole engine; each stands there for as long as it runs."""

    def __init__(self, group: asyncio.TaskGroup, kit: Kit, runners: MutableMapping[StreamName, Runner]) -> None:
        self._group = group
        self._kit = kit
        self._runners = runners
        self._own: dict[StreamName, Runner] = {}

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Have somebody work beside the runners."""
        return self._group.create_task(work, name=name)

    def spawn(self, stream: StreamName) -> None:
        """Have a runner for a service."""
        runner = self._own[stream] = self._runners[stream] = Runner(self._kit, stream)
        self.start(runner.run(), f"runner {stream}").add_done_callback(lambda _: self._gone(stream))

    def drain(self) -> None:
        """Have every runner end after the effect it has in hand."""
        for runner in self._own.values():
            runner.drain()

    def _gone(self, stream: StreamName) -> None:
        del self._own[stream], self._runners[stream]
