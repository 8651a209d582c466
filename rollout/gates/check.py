"""What a check is: one question about the health of a deployment, asked of one source, answered with evidence."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from rollout.core.check_plan import CheckPlan, Moment, Scope
from rollout.core.event import Evidence, Verdict
from rollout.core.names import RolloutId, Target
from rollout.core.snapshot import Instance, Observation
from rollout.settings.redaction import redact_text

DETAIL_CHARS_MAX: Final = 300
"""What a source says of its verdict goes into the journal, cut to this."""


@dataclass(frozen=True, slots=True)
class Question:
    """What one round asks about. All checks of a round share its one look at the deployment."""

    rollout: RolloutId
    target: Target
    domains: tuple[int, ...]
    """The domains that are judged; empty = every domain."""
    look: Callable[[], Awaitable[Observation]]
    moment: Moment = Moment.DOMAIN
    since_t: float = 0.0
    """Nothing measured before this engine second says anything about what is judged."""
    interval_s: float = 15.0
    """Evidence that old is still fresh."""

    def instances(self, scope: Scope, seen: tuple[Instance, ...]) -> list[Instance]:
        """Give the instances in a scope."""
        whole = scope is not Scope.DOMAIN or not self.domains
        return [each for each in seen if whole or each.domain in self.domains]


class Check(Protocol):
    """One source of health. Ends within its own timeout and raises nothing the world can cause."""

    @property
    def plan(self) -> CheckPlan:
        """The name that evidence, holds and people use; its timeout, which whoever asks keeps it to; and the rest."""
        ...

    @property
    def hook(self) -> str:
        """Whom it asks: one that hangs keeps at most half of the workers of its kind busy. Empty = it needs none."""
        ...

    @property
    def looks(self) -> bool:
        """Whether it needs the round's look at the deployment."""
        ...

    async def ask(self, question: Question) -> Evidence:
        """Judge now. No answer, or one that cannot be read, is `unknown`."""
        ...


def evidence(plan: CheckPlan, verdict: Verdict, detail: str, *, value: str = "", threshold: str = "") -> Evidence:
    """Make a check's evidence: one printable line, cut, and without any secret that came back in it."""
    line = redact_text("".join(char if char.isprintable() else " " for char in detail[: 2 * DETAIL_CHARS_MAX]))
    shown = line if len(line) <= DETAIL_CHARS_MAX else f"{line[:DETAIL_CHARS_MAX]}…"
    return Evidence(plan.name, verdict, shown, value, threshold)


def unknown(plan: CheckPlan, detail: str) -> Evidence:
    """Make the evidence of a check that got none."""
    return evidence(plan, Verdict.UNKNOWN, detail)
