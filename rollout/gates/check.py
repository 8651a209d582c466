"""What a check is: one question about a domain's health, asked of one source, answered with evidence."""

from typing import Protocol

from rollout.core.event import Evidence
from rollout.core.names import Target


class Check(Protocol):
    """One source of health. Ends within its own timeout and raises nothing the world can cause."""

    @property
    def name(self) -> str:
        """The name that evidence, holds and people use."""
        ...

    async def ask(self, target: Target, domain: int) -> Evidence:
        """Judge one walked domain now. No answer, or one that cannot be read, is `unknown`."""
        ...
