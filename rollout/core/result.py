"""How a run of a rollout ended: the exit code of design.md §9 and the sentence that goes with it."""

from collections.abc import Mapping
from enum import IntEnum

import msgspec

from rollout.core.ending import Outcome
from rollout.core.fleet import RolloutState, Summary, decide_fleet
from rollout.core.names import Now, ServiceName
from rollout.core.service import Forward, ServiceRollout


class ExitCode(IntEnum):
    """What the process says when the rollout is over, or cannot go on by itself."""

    AS_ALLOWED = 0
    WENT_BACK = 3
    FOR_PERSON = 4
    STILL_RUNNING = 5


class Result(msgspec.Struct, frozen=True):
    """The end of a run, for people and scripts."""

    code: ExitCode
    outcome: str
    reason: str


def is_over(state: RolloutState, summaries: Mapping[ServiceName, Summary], now: Now) -> bool:
    """Tell whether nothing moves on without a person: nothing is in motion and nothing can be admitted."""
    if state.closed is not None:
        return True
    moving = any(each.admitted and each.outcome is None and not each.for_person for each in summaries.values())
    return not moving and decide_fleet(state, summaries, now) is None


def result(
    state: RolloutState,
    summaries: Mapping[ServiceName, Summary],
    services: Mapping[ServiceName, ServiceRollout],
    *,
    strict_exit: bool,
) -> Result:
    """Judge a rollout that is over. Precedence: waits for a person, went back, as the policy allows."""
    unended = [name for name, summary in summaries.items() if summary.outcome is None]
    # What a halt stopped before anything was touched has merely not started.
    waiting = [
        name for name in unended if summaries[name].for_person and (state.halted is None or _touched(services[name]))
    ]
    if waiting:
        first = services[waiting[0]]
        why = first.failure or state.halted or "it was held"
        return Result(ExitCode.FOR_PERSON, "waits for a person", f"{_count(waiting)} held; {waiting[0]}: {why}")
    bad = [name for name, summary in summaries.items() if summary.outcome in _BAD]
    if state.halted is not None:
        rest = f"; {len(unended)} not started" if unended else ""
        return Result(ExitCode.WENT_BACK, "halted", f"{state.halted}{rest}; {_first_failure(bad, services)}")
    if not bad:
        return Result(ExitCode.AS_ALLOWED, "succeeded", f"all {len(summaries)} services run the new release")
    done = len(summaries) - len(bad)
    code = ExitCode.WENT_BACK if strict_exit or not done else ExitCode.AS_ALLOWED
    reason = f"{done} of {len(summaries)} services run the new release; {_first_failure(bad, services)}"
    return Result(code, "succeeded with failures" if done else "failed", reason)


def _touched(state: ServiceRollout) -> bool:
    return state.token is not None or not isinstance(state.phase, Forward)


_BAD = frozenset({Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.SKIPPED})


def _count(names: list[ServiceName]) -> str:
    return f"{len(names)} service{'s are' if len(names) != 1 else ' is'}"


def _first_failure(bad: list[ServiceName], services: Mapping[ServiceName, ServiceRollout]) -> str:
    if not bad:
        return "no service failed"
    ended = services[bad[0]].ended
    said = f"{bad[0]} {ended.outcome}: {ended.reason}" if ended else bad[0]
    return said if len(bad) == 1 else f"{said} (and {len(bad) - 1} more)"
