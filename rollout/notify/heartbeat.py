"""A dead man's switch: posts while a rollout is open, so that whoever watches it hears when this process is gone."""

import asyncio
from collections.abc import Callable, Mapping

import msgspec
import structlog
from structlog.typing import FilteringBoundLogger

from rollout.core.fleet_state import RolloutState
from rollout.core.names import RolloutId
from rollout.engine.clock import Clock
from rollout.gates.fetch import NoAnswer, Request
from rollout.notify.heads import Heads
from rollout.notify.sender import OK_BELOW, OK_FROM, TIMEOUT_S, Fetch
from rollout.settings import Secret


class Beat(msgspec.Struct, frozen=True):
    """The body: which rollouts are open, and where the journal's chain ends, to be held against it later (T15)."""

    rollouts: tuple[RolloutId, ...]
    position: int
    chain: str


class Heartbeat:
    """Posts to `url` each `every_s`. A beat that is missed is not made up for: the next one says the same."""

    def __init__(
        self,
        url: Secret,
        every_s: float,
        fetch: Fetch,
        clock: Clock,
        *,
        logger: FilteringBoundLogger | None = None,
    ) -> None:
        self._url = url
        self._every_s = every_s
        self._fetch = fetch
        self._clock = clock
        self._said: str | None = None
        self._log = logger or structlog.get_logger("rollout.notify")

    async def run(self, rollouts: Callable[[], Mapping[RolloutId, RolloutState]], heads: Heads) -> None:
        """Beat for ever."""
        while True:
            began_t = self._clock.now().t
            held = tuple(rollout for rollout, state in rollouts().items() if state.closed is None)
            if held:
                await self._beat(Beat(held, heads.position, heads.chain))
            await self._clock.sleep_until(began_t + self._every_s)

    async def _beat(self, beat: Beat) -> None:
        headers = {"Content-Type": "application/json"}
        request = Request(self._url.reveal(), "POST", headers, msgspec.json.encode(beat), trusted=True)
        try:
            async with asyncio.timeout(min(TIMEOUT_S, self._every_s)):
                answer = await self._fetch(request)
        except TimeoutError:
            answer = NoAnswer("no answer in time")
        said = answer.detail if isinstance(answer, NoAnswer) else None
        if said is None and not isinstance(answer, NoAnswer) and not OK_FROM <= answer.status < OK_BELOW:
            said = f"answered {answer.status}"
        if said != self._said:
            self._log.warning("heartbeat_not_taken", reason=said) if said else self._log.info("heartbeat_taken")
        self._said = said
