"""How a run ended, in words: one sentence for all, then one for each service that needs a person's eye. Pure."""

from collections.abc import Mapping
from typing import Final

from rollout.cli.deed import deed
from rollout.core.ending import Outcome
from rollout.core.explain import explain
from rollout.core.names import Now, ServiceName
from rollout.core.phase import Queued
from rollout.core.result import Result
from rollout.core.service import ServiceRollout
from rollout.views.text import counted, one_line
from rollout.views.view import GOOD, Group, group_of

HALTED: Final = "halted"
SENTENCES_MAX: Final = 20
"""A fleet that failed as a whole is no reason to fill the screen; `-o json` lists every service."""

_BECAUSE: Final = {
    Outcome.ROLLED_BACK: "was rolled back because",
    Outcome.FAILED: "failed and nothing was changed:",
    Outcome.SKIPPED: "was skipped and nothing was touched:",
    Outcome.EXCLUDED: "was excluded:",
    Outcome.CANCELLED: "was cancelled and nothing was touched:",
    Outcome.RESOLVED: "was resolved:",
}


def summary(result: Result, services: Mapping[ServiceName, ServiceRollout], now: Now) -> str:
    """Say how the rollout ended."""
    done = sum(state.ended is not None and state.ended.outcome in GOOD for state in services.values())
    queued = sum(isinstance(state.phase, Queued) for state in services.values())
    change = next(iter(services.values())).plan.change
    first = f"{done} of {counted(len(services), 'service')} {deed(change, done)}"
    if queued:
        first += f", {queued} {'was' if queued == 1 else 'were'} not started"
    lines = [f"{one_line(result.outcome)}: {first}."]
    if result.reason and result.outcome == HALTED:
        lines.append(f"It halted because {one_line(result.reason)}.")
    return "\n".join([*lines, *_sentences(services, now)])


def interrupted(services: Mapping[ServiceName, ServiceRollout], now: Now) -> str:
    """Say where a stopped run left its services."""
    groups = [group_of(state, now) for state in services.values()]
    order = (Group.DONE, Group.MOVING, Group.QUEUED, Group.FAILED)
    return "stopped with " + ", ".join(f"{groups.count(group)} {group.value}" for group in order) + "."


def _sentences(services: Mapping[ServiceName, ServiceRollout], now: Now) -> list[str]:
    eyes = [state for state in services.values() if group_of(state, now) is Group.FAILED]
    said = [sentence(state, now) for state in eyes[:SENTENCES_MAX]]
    if len(eyes) > SENTENCES_MAX:
        said.append(f"… and {len(eyes) - SENTENCES_MAX} more; `-o json` lists them all.")
    return said


def sentence(state: ServiceRollout, now: Now) -> str:
    """Say what became of one service that did not simply succeed."""
    ended = state.ended
    if ended is None or ended.outcome not in _BECAUSE:
        return one_line(explain(state, now))
    return one_line(f"{state.plan.service} {_BECAUSE[ended.outcome]} {ended.reason.rstrip('.')}.")
