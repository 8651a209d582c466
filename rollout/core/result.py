"""How a run of a rollout ended: the exit code of design.md §9 and the sentence that goes with it."""

from collections.abc import Mapping
from enum import IntEnum

import msgspec

from rollout.core.around import ALONE, Around
from rollout.core.ending import Outcome
from rollout.core.fleet import consider_fleet
from rollout.core.fleet_state import RolloutState, Summary
from rollout.core.names import POLICY, Now, ServiceName
from rollout.core.phase import Forward
from rollout.core.service import ServiceRollout


class ExitCode(IntEnum):
    """What the process says when the rollout is over, or cannot go on by itself."""

    AS_ALLOWED = 0
    WENT_BACK = 3
    FOR_PERSON = 4
    STILL_RUNNING = 5
    BY_PERSON = 7


class Result(msgspec.Struct, frozen=True):
    """The end of a run, for people and scripts."""

    code: ExitCode
    outcome: str
    reason: str


def is_over(state: RolloutState, summaries: Mapping[ServiceName, Summary], now: Now, around: Around = ALONE) -> bool:
    """Tell whether nothing moves on without a person: nothing is in motion, to be done, or waited for that comes."""
    if state.closed is not None:
        return True
    if any(each.takes_room and not each.for_person for each in summaries.values()):
        return False
    if state.environment is not None:
        return False
    course = consider_fleet(state, summaries, now, around)
    return course.action is None and not course.goes_on


def result(
    state: RolloutState,
    summaries: Mapping[ServiceName, Summary],
    services: Mapping[ServiceName, ServiceRollout],
    *,
    strict_exit: bool,
    stuck: str = "",
) -> Result:
    """Judge a rollout that is over. Precedence: waits for a person, went back, ended by a person, as allowed.

    `stuck` says of what was not begun what it waits for.
    """
    unended = [name for name, summary in summaries.items() if summary.outcome is None]
    # What a halt stopped before anything was touched has merely not started.
    waiting = [
        name for name in unended if summaries[name].for_person and (state.halted is None or _touched(services[name]))
    ]
    if waiting:
        first = services[waiting[0]]
        why = first.failure or state.halted or "; ".join(hold.note for hold in first.holds) or "it was held"
        return Result(ExitCode.FOR_PERSON, "waits for a person", f"{_count(waiting)} held; {waiting[0]}: {why}")
    if state.halted is not None:
        return _halted(state, summaries, services, unended, strict_exit=strict_exit)
    if stuck:
        return Result(ExitCode.FOR_PERSON, "waits for a person", f"{len(unended)} not started; {stuck}")
    return _ended(summaries, services, strict_exit=strict_exit)


def _halted(
    state: RolloutState,
    summaries: Mapping[ServiceName, Summary],
    services: Mapping[ServiceName, ServiceRollout],
    unended: list[ServiceName],
    *,
    strict_exit: bool,
) -> Result:
    bad = _by_policy(summaries)
    rest = f"; {len(unended)} not started" if unended else ""
    said = f"{state.halted}{rest}; {_first_failure(bad, services)}"
    if state.aborted:
        code = ExitCode.WENT_BACK if bad and strict_exit else ExitCode.BY_PERSON
        return Result(code, "aborted", f"by {state.halted_by}: {said}")
    if state.overdue and unended:
        return Result(ExitCode.FOR_PERSON, "overdue", f"{said}; resume lets it go on past its deadline")
    if state.halted_by != POLICY and unended:
        return Result(ExitCode.FOR_PERSON, "halted", f"by {state.halted_by}: {said}")
    by_words_alone = not bad and any(each.by_person for each in summaries.values())
    return Result(ExitCode.BY_PERSON if by_words_alone else ExitCode.WENT_BACK, "halted", said)


def _ended(
    summaries: Mapping[ServiceName, Summary],
    services: Mapping[ServiceName, ServiceRollout],
    *,
    strict_exit: bool,
) -> Result:
    bad = _by_policy(summaries)
    spoken = [name for name, each in summaries.items() if each.by_person and each.outcome is not Outcome.EXCLUDED]
    done = sum(each.outcome in _GOOD for each in summaries.values())
    if done == len(summaries):
        return Result(ExitCode.AS_ALLOWED, "succeeded", f"all {done} services run the new release")
    runs = f"{done} of {len(summaries)} services run the new release"
    # A tolerance is about services that were begun: where none was, there is nothing the policy allowed.
    none_begun = all(each.outcome is Outcome.SKIPPED for each in summaries.values())
    if bad and (strict_exit or none_begun):
        outcome = "failed" if none_begun else "succeeded with failures"
        return Result(ExitCode.WENT_BACK, outcome, f"{runs}; {_first_failure(bad, services)}")
    if spoken:
        return Result(ExitCode.BY_PERSON, "ended by a person", f"{runs}; {_first_failure(spoken, services)}")
    if bad:
        return Result(ExitCode.AS_ALLOWED, "succeeded with failures", f"{runs}; {_first_failure(bad, services)}")
    return Result(ExitCode.AS_ALLOWED, "succeeded", f"{runs}, the others were excluded")


def _by_policy(summaries: Mapping[ServiceName, Summary]) -> list[ServiceName]:
    return [name for name, summary in summaries.items() if summary.outcome in _BAD and not summary.by_person]


def _touched(state: ServiceRollout) -> bool:
    return state.begun or not isinstance(state.phase, Forward)


_GOOD = frozenset({Outcome.SUCCEEDED, Outcome.UNCHANGED})
_BAD = frozenset({Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.SUSPENDED, Outcome.SKIPPED})


def _count(names: list[ServiceName]) -> str:
    return f"{len(names)} service{'s are' if len(names) != 1 else ' is'}"


def _first_failure(bad: list[ServiceName], services: Mapping[ServiceName, ServiceRollout]) -> str:
    if not bad:
        return "no service failed"
    ended = services[bad[0]].ended
    said = f"{bad[0]} {ended.outcome}: {ended.reason}" if ended else bad[0]
    return said if len(bad) == 1 else f"{said} (and {len(bad) - 1} more)"
