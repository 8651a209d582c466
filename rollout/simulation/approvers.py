"""People who approve in a rehearsal: somebody of each group says yes, some time after being asked."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from rollout.core.approvals import approvers, plan_digest
from rollout.core.command import Ask, Command, Verb
from rollout.core.names import rollout_stream
from rollout.core.plan import RolloutPlan
from rollout.errors import JournalFull
from rollout.simulation.book import Book
from rollout.simulation.weather import Weather
from rollout.simulation.world import Parts

APPROVER: Final = "ben"
SHARE: Final = (0.02, 0.5)
"""How much of the time they have people take for an answer."""
PATIENCE_S: Final = 8 * 3600.0
"""However long they may take, nobody takes more than that share of a working day."""
AGAIN_S: Final = 30.0
"""How soon a word is said again that found the disk full."""

Asked = tuple[str, float]
"""The scope of an approval, and the date it was asked for by: asked anew, it is another one."""


def within_of(plan: RolloutPlan) -> dict[str, float]:
    """Give for each approval of a plan, by scope, the seconds people have for it."""
    plans = {"": plan.approval} | {wave.name: wave.approval for wave in plan.waves}
    return {scope: each.within_s for scope, each in plans.items() if each is not None}


@dataclass(slots=True)
class Approvers:
    """They outlive the engine: what was asked in one life may be answered in a later one."""

    weather: Weather
    plan: RolloutPlan
    time: Callable[[], float]
    willing: bool
    said: int = 0
    """How many words were durable."""
    _due: dict[Asked, float] = field(default_factory=dict)
    """When each will be answered, in seconds of the world."""
    _known: set[Asked] = field(default_factory=set)
    _woken: asyncio.Event | None = None

    @property
    def needed(self) -> bool:
        """Whether there is anything to approve, and anybody who does."""
        return self.willing and bool(within_of(self.plan))

    @property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Who is in which group."""
        return dict.fromkeys(approvers(self.plan), (APPROVER,))

    @property
    def next_at(self) -> float | None:
        """When the next word will be said; None = none is asked for."""
        return min(self._due.values(), default=None)

    def read(self, book: Book) -> None:
        """See what was asked for since the last time, and draw when it will be answered."""
        state = book.rollouts.get(rollout_stream(self.plan.rollout))
        if not self.needed or state is None:
            return
        for scope, asked in state.approvals.items():
            key = (scope, asked.until_wall)
            if asked.given is None and key not in self._known:
                self._known.add(key)
                patience_s = min(within_of(self.plan)[scope], PATIENCE_S)
                share = self.weather.amount(*SHARE, "approve", scope, len(self._known))
                self._due[key] = self.time() + share * patience_s
                if self._woken is not None:
                    self._woken.set()

    async def speak(self, parts: Parts) -> None:
        """Say each word at its time, for as long as this life lasts."""
        self._woken = woken = asyncio.Event()
        while True:
            woken.clear()
            if not self._due:
                await woken.wait()
                continue
            key = min(self._due, key=self._due.__getitem__)
            left_s = self._due[key] - self.time()
            if left_s <= 0:
                await self._say(parts, key)
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), left_s)

    async def _say(self, parts: Parts, key: Asked) -> None:
        """Approve as a person does, by the table of commands; a date that has passed by then is refused there."""
        state = parts.kit.ledger.rollout(self.plan.rollout)
        if state is not None and state.closed is None:
            digest = plan_digest(state.plan)
            words = Command(f"approve-{self.said}", Verb.APPROVE, APPROVER, "looked at", wave=key[0], plan=digest)
            try:
                await parts.engine.say(Ask(self.plan.rollout, None, words))
            except JournalFull:
                self._due[key] = self.time() + AGAIN_S
                return
        del self._due[key]  # only now: who dies before it is durable says it again
        self.said += 1
