"""The check `python`: a function that was registered, by an entry point or by the program that embeds the engine."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

import msgspec

from rollout.core.check_plan import CheckPlan, PythonSource
from rollout.core.event import Evidence, Verdict
from rollout.gates.check import Question, evidence, unknown

GROUP: Final = "rollout.checks"
"""The group of entry points."""


class Subject(msgspec.Struct, frozen=True):
    """What a function is asked about."""

    rollout: str
    subscription: str
    service: str
    slot: str
    moment: str
    domains: tuple[int, ...]
    """Which are judged; empty = all."""


Said = Verdict | str | tuple[Verdict | str, str]
"""A verdict or its word, alone or with a reason."""
CheckFunction = Callable[[Subject], Awaitable[Said]]


def registered() -> Mapping[str, EntryPoint]:
    """Give the functions that installed packages offer: under their names, and as `module:function`."""
    found = entry_points(group=GROUP)
    return {each.value: each for each in found} | {each.name: each for each in found}


@dataclass(frozen=True, slots=True)
class PythonCheck:
    """Awaits one registered function. It shares the engine's loop, so it must not block."""

    plan: CheckPlan
    source: PythonSource
    functions: Mapping[str, CheckFunction]
    looks: bool = False

    @property
    def hook(self) -> str:
        """The function's name."""
        return self.source.call

    async def ask(self, question: Question) -> Evidence:
        """Ask it. Whatever it raises is its own mistake, and no verdict."""
        function = self.functions.get(self.source.call)
        if function is None:
            return unknown(self.plan, f"no function {self.source.call} is registered")
        target = question.target
        subject = Subject(
            question.rollout, target.subscription, target.service, target.slot, question.moment, question.domains
        )
        try:
            said = await function(subject)
        except Exception as error:  # noqa: BLE001 - somebody else's code; it must not take the engine down
            return unknown(self.plan, f"it raised {type(error).__name__}: {error}")
        word, reason = said if isinstance(said, tuple) else (said, "")
        try:
            return evidence(self.plan, Verdict(word), reason or "it gave no reason")
        except ValueError:
            return unknown(self.plan, f"it said {word!r}, which is no verdict")
