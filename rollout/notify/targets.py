"""Who is told of what: the targets of a policy and of the settings, by names that are safe to be written down."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from rollout.core.names import Digest
from rollout.core.notice import Notice, NoticeEvent, NoticeFormat
from rollout.core.plan import RolloutPlan
from rollout.settings import Secret

_SETTINGS: Final = "settings"


@dataclass(frozen=True, slots=True)
class Target:
    """Where notices go. `trusted` = the settings name it, so it may lie in a private network."""

    url: Secret
    format: NoticeFormat
    trusted: bool
    events: tuple[NoticeEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Targets:
    """The targets of the settings by name; those of a policy stand in its plan."""

    everywhere: Mapping[str, Target] = field(default_factory=dict)

    def wanted(self, plan: RolloutPlan) -> bool:
        """Tell whether anybody is told anything of a rollout."""
        return bool(self.everywhere) or bool(plan.notify)

    def of(self, plan: RolloutPlan, notice: Notice) -> Iterable[str]:
        """Name the targets that are told of this, each once."""
        named = [f"{each.format}/{each.webhook}" for each in plan.notify if notice.event in each.events]
        named += [f"{_SETTINGS}/{name}" for name, each in self.everywhere.items() if notice.event in each.events]
        return dict.fromkeys(named)

    def known(self, name: str) -> Target | None:
        """Give a target of the settings; None = they name it no more."""
        return self.everywhere.get(name.partition("/")[2])

    @staticmethod
    def of_plan(name: str) -> tuple[NoticeFormat, Digest] | None:
        """Take the name of a policy's target apart: how it is written to, and which payload is its URL."""
        how, _, rest = name.partition("/")
        return None if how == _SETTINGS else (NoticeFormat(how), Digest(rest))
