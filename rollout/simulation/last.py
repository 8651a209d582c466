"""What must be true once a run is over: L1, L3, E2, S7, `together`, and that nothing moves any more."""

import base64
import logging
from typing import Final
from urllib.parse import quote

import msgspec
import structlog
from prometheus_client import CollectorRegistry, generate_latest

from rollout.core import event, sight_event
from rollout.core.phase import ForeignChange, HeldForPerson, NeedsOperator, Queued, Swapping
from rollout.core.result import ExitCode, Result
from rollout.core.service import ServiceRollout
from rollout.core.stages import waits_at
from rollout.engine.telemetry import Telemetry
from rollout.errors import JournalDamaged
from rollout.simulation.book import at_once
from rollout.simulation.checker import Checker
from rollout.simulation.together import left_behind

BACK_SLACK_S: Final = 900.0
"""What may lie between a turn and its rollback besides the step's own limit: quarantine, looks, pace."""
_BACK: Final = (event.Closed, event.HeldOnFailure, event.Escalated, event.TakenOver)


def judge_end(checker: Checker, result: Result | None, secrets: tuple[str, ...]) -> None:
    """Judge a run that is over. Raises Violation."""
    checker.read()
    if result is None:
        checker.broken("L1", f"the rollout did not end; {_unended(checker)}")
    states = checker.book.services.values()
    blocked = (
        (result.code is ExitCode.FOR_PERSON and bool(result.reason))
        or any(each.halted for each in checker.book.rollouts.values())
        or any(each.ended is None and not isinstance(each.phase, Queued) for each in states)
    )
    for state in states:
        _judge_wait(checker, state, blocked=blocked)
        _judge_turn(checker, state)
    if (said := left_behind(checker.book)) is not None:
        checker.broken("together", said)
    _judge_secrets(checker, result, secrets)
    try:
        at_once(checker.book.journal.verify())
    except JournalDamaged as error:
        checker.broken("S7", f"the chain does not hold: {error}")


def _judge_wait(checker: Checker, state: ServiceRollout, *, blocked: bool) -> None:
    """L1: what has not ended waits for a person, and says why; behind it, others wait for room."""
    match state.phase:
        case HeldForPerson(reason=said) | NeedsOperator(reason=said) | ForeignChange(detail=said):
            if not said:
                checker.broken("E1", f"{state.stream} waits for a person without a reason")
        case Queued() if blocked:
            return
        case Swapping() if waits_at(state) is not None and _waits_for_another(checker, state):
            return
        case _ if state.ended is None and not state.holds and state.stop is None:
            checker.broken("L1", f"the run is over, and {state.stream} is left in {type(state.phase).__name__}")
        case _:
            return


def _waits_for_another(checker: Checker, state: ServiceRollout) -> bool:
    """Tell whether somebody that a barrier waits for waits for a person."""
    waiting = HeldForPerson | NeedsOperator | ForeignChange
    return any(
        isinstance(each.phase, waiting) or (each.ended is None and (each.holds or each.stop is not None))
        for each in checker.book.services.values()
        if each.stream != state.stream
    )


def _judge_turn(checker: Checker, state: ServiceRollout) -> None:
    """L3: a rollback is asked for within one step's limit of the turn, unless somebody says stop."""
    turned_t: float | None = None
    stopped = False
    for page in checker.book.pages:
        if page.entry.stream != state.stream:
            continue
        fact = page.entry.fact
        stopped = stopped or isinstance(fact, event.Stopped | sight_event.Blinded)
        if turned_t is None:
            turned_t = page.entry.now.t if isinstance(fact, event.TurnedBack) else None
            continue
        if isinstance(fact, (event.Intended, *_BACK)):
            limit_s = _step_s(state) + BACK_SLACK_S
            took_s = page.entry.now.t - turned_t
            if took_s > limit_s and not stopped:
                checker.broken("L3", f"{state.stream} turned back, and the next step came {took_s:.0f} s later")
            return


def _step_s(state: ServiceRollout) -> float:
    plan = state.plan
    return max(plan.begin_timeout_s, plan.walk.domain_timeout_s, plan.rollback.bound_s(len(state.walked)))


def _judge_secrets(checker: Checker, result: Result, secrets: tuple[str, ...]) -> None:
    """E2: no secret in any entry, log line, metric or word to people, in any of three spellings."""
    if not secrets:
        return
    entries = msgspec.json.encode([page.entry for page in checker.book.pages]).decode()
    logged, metrics = _told_to_operators(checker)
    texts = {"an entry": entries, "a log line": logged, "a metric": metrics, "the result": result.reason}
    for secret in secrets:
        spellings = {secret, base64.b64encode(secret.encode()).decode().rstrip("="), quote(secret, safe="")}
        for where, text in texts.items():
            if any(each in text for each in spellings):
                checker.broken("E2", f"{where} carries a secret of a URL")


def _told_to_operators(checker: Checker) -> tuple[str, str]:
    """Give every log line and every metric that the whole journal comes to."""
    lines, registry = structlog.testing.LogCapture(), CollectorRegistry()
    wrapper = structlog.make_filtering_bound_logger(logging.NOTSET)
    telemetry = Telemetry(structlog.wrap_logger(None, [lines], wrapper_class=wrapper), registry)
    telemetry.record(at_once(checker.book.journal.read_after(0, len(checker.book.pages))))
    return repr(lines.entries), generate_latest(registry).decode()


def _unended(checker: Checker) -> str:
    left = [state for state in checker.book.services.values() if state.ended is None]
    return ", ".join(f"{state.stream}: {type(state.phase).__name__}" for state in left) or "every service has"
