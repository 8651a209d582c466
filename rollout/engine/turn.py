"""A runner's turn: the permit it waits for, its place in that line, and a permit kept while it looks once more."""

import asyncio
from collections.abc import Coroutine
from typing import Final

from rollout.core.decide import FRESH_S
from rollout.engine.pacer import Kind, Lane, Pacer
from rollout.engine.waiting import until_news

KEPT_S_MAX: Final = FRESH_S
"""A permit kept for longer is given back: by then the next one is as near."""


class Turn:
    """One runner's dealings with the pacer. It waits for one permit at a time, and leaves none behind.

    A call needs a look that is fresh and a permit at the same moment. In a slow line the look grows old, so the permit
    is kept for one more look instead of being given back: else a service could look for ever and never call.
    """

    def __init__(self, pacer: Pacer, name: str) -> None:
        self._pacer = pacer
        self._name = name
        self._since: dict[Kind, float] = {}
        """Since when it has waited for a permit that it has not used yet: its place if it has to leave the line."""
        self._waits: tuple[str, Kind] | None = None
        self._kept: tuple[str, float] | None = None
        """The scope of the write permit it keeps, and since when."""
        self._in_vain = False
        """The last wait ended without a permit."""

    @property
    def waiting_for(self) -> str:
        """Say which permit is waited for and how its line moves; empty = none."""
        if self._waits is None:
            return ""
        scope, kind = self._waits
        waited_s = self._pacer.now_t() - self._since[kind]
        return f"has waited {waited_s:.0f} s for its turn to {kind}: {self._pacer.why(scope)}"

    @property
    def keeps(self) -> bool:
        """Whether it keeps a permit to call."""
        return self._kept is not None

    async def to_call(
        self, scope: str, lane: Lane, *, repeat: bool, until_t: float, news: asyncio.Future[None]
    ) -> bool:
        """Have a permit to call, the one kept or the next; False = `news` or engine second `until_t` came before."""
        if self._kept is not None:
            _, kept_t = self._kept
            if not self._pacer.is_closed(scope, Kind.WRITE) and self._pacer.now_t() <= kept_t + KEPT_S_MAX:
                return True
            self.give_back()
        permit = self._pacer.permit(scope, Kind.WRITE, lane, repeat=repeat, since_t=self._began(Kind.WRITE))
        waiting = self._within(permit, scope, Kind.WRITE, until_t)
        if not await until_news(waiting, news, name=f"permit {self._name}") or self._in_vain:
            return False
        self._kept = scope, self._pacer.now_t()
        return True

    async def to_look(self, scope: str, lane: Lane, looks: int, until_t: float) -> bool:
        """Have permits for so many looks; False = engine second `until_t` came before."""
        for had in range(looks):
            permit = self._pacer.permit(scope, Kind.READ, lane, since_t=self._began(Kind.READ))
            await self._within(permit, scope, Kind.READ, until_t)
            if self._in_vain:
                for _ in range(had):
                    self._pacer.give_back(scope, Kind.READ)
                return False
        self._since.pop(Kind.READ, None)
        return True

    def use(self) -> None:
        """Use the permit it keeps."""
        self._kept = None
        self._since.pop(Kind.WRITE, None)

    def give_back(self) -> None:
        """Give back the permit it keeps, if it keeps one."""
        if self._kept is not None:
            self._pacer.give_back(self._kept[0], Kind.WRITE)
            self._kept = None

    def leave(self) -> None:
        """Want to call no more: give back what is kept, and the place in the line too."""
        self.give_back()
        self._since.pop(Kind.WRITE, None)

    def _began(self, kind: Kind) -> float:
        return self._since.setdefault(kind, self._pacer.now_t())

    async def _within(self, permit: Coroutine[object, object, None], scope: str, kind: Kind, until_t: float) -> None:
        self._waits, self._in_vain = (scope, kind), False
        left_s = until_t - self._pacer.now_t()
        try:
            async with asyncio.timeout(None if left_s == float("inf") else max(0.0, left_s)):
                await permit
        except TimeoutError:
            self._in_vain = True
        finally:
            self._waits = None
