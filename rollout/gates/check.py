"""What a check is: one question about the health of walked domains, asked of one source, answered with evidence."""

from collections.abc import Collection
from typing import Protocol

from rollout.core.event import Evidence
from rollout.core.names import Target


class Check(Protocol):
    """One source of health. Ends within its own timeout and raises nothing the world can cause."""

    @property
    def name(self) -> str:
        """The name that evidence, holds and people use."""
        ...

    @property
    def timeout_s(self) -> float:
        """Seconds after which no answer is `unknown`; whoever asks keeps the check to it."""
        ...

    async def ask(self, target: Target, domains: Collection[int]) -> Evidence:
        """Judge walked domains now. No answer, or one that cannot be read, is `unknown`."""
        ...
