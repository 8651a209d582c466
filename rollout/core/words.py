"""What people's words change: holds and stops, which lie beside the phase, and the words that move it.

While a word keeps a call from being made, the clock of its step stands still; what is in flight has no such excuse.
"""

from msgspec.structs import replace

from rollout.core import event, word_event
from rollout.core.again import again
from rollout.core.phase import (
    Back,
    Baking,
    Beginning,
    Checking,
    Errand,
    ForeignChange,
    HeldForPerson,
    NeedsOperator,
    Ready,
    Reconciling,
    RollingBack,
    Step,
    SwapBaking,
    doing,
    within,
)
from rollout.core.service import Hold, Resolution, ServiceRollout, Stop
from rollout.core.stages import after_gate
from rollout.core.terms import ServiceTerms, with_service_terms

Withholding = event.Held | event.Released | event.Stopped | event.Resumed
Word = Withholding | event.TurnedBack | word_event.WordFact


def spoken(state: ServiceRollout, fact: Word, t: float) -> ServiceRollout | None:
    """Give the state after a word; None = it means nothing here."""
    match fact:
        case event.TurnedBack():
            return _turned_back(state, fact, t)
        case word_event.Advanced():
            return _advanced(state, fact, t)
        case word_event.Retried():
            return _retried(state, t)
        case word_event.Claimed():
            return _claimed(state, fact, t)
        case word_event.Witnessed():
            return _witnessed(state, fact)
        case word_event.TermsChanged(health=health, walk=walk, begin_timeout_s=begin_timeout_s, timeout_s=timeout_s):
            terms = ServiceTerms(health, walk, begin_timeout_s, timeout_s)
            return replace(state, plan=with_service_terms(state.plan, terms))
        case _:
            return _withheld(state, fact, t)


# --- words that move the phase ---


def _turned_back(state: ServiceRollout, fact: event.TurnedBack, t: float) -> ServiceRollout | None:
    theirs = isinstance(state.phase, ForeignChange)
    if theirs != fact.take_over or (state.turned_back and not theirs):
        return None
    after = replace(
        state,
        turned_back=True,
        turned_by=fact.who,
        taking_over=theirs,
        suspends=fact.suspend,
        failure=state.failure or fact.reason,
    )
    return replace(after, phase=RollingBack(Step(began_t=t)), no_way_back=None) if theirs else after


def _advanced(state: ServiceRollout, fact: word_event.Advanced, t: float) -> ServiceRollout | None:
    waiting = state.phase.was if isinstance(state.phase, HeldForPerson) else state.phase
    if state.turned_back or not isinstance(waiting, Checking | Baking | SwapBaking) or waiting.domain != fact.domain:
        return None
    held = waiting is not state.phase
    phase: Ready | Baking
    match waiting:
        case Baking():
            phase = Ready(fact.domain, Step(began_t=t))
        case SwapBaking():
            phase = Ready(state.domain_count, Step(began_t=t))
        case Checking():
            phase = after_gate(state, fact.domain + 1, t)
    passed = () if not fact.accepted_red else (fact.domain,) if isinstance(waiting, Checking) else state.walked
    after = replace(state, phase=phase, failure=None, red_accepted=(*state.red_accepted, *passed))
    return _whole_time_again(after, t) if held else after


def _retried(state: ServiceRollout, t: float) -> ServiceRollout | None:
    if not isinstance(state.phase, HeldForPerson | ForeignChange | NeedsOperator):
        return None
    after = replace(state, phase=again(state, state.phase.was, t), no_way_back=None, doubt=None)
    if not state.turned_back:
        after = replace(after, failure=None)
    return _whole_time_again(after, t)


def _whole_time_again(state: ServiceRollout, t: float) -> ServiceRollout:
    """Count progress time from here: whoever takes up again what was given up gives it its time."""
    withheld_since_t = None if state.withheld_since_t is None else t
    return replace(state, started_t=t, paused_s=0.0, withheld_since_t=withheld_since_t)


def _claimed(state: ServiceRollout, fact: word_event.Claimed, t: float) -> ServiceRollout | None:
    if not isinstance(state.phase, HeldForPerson | ForeignChange | NeedsOperator | Reconciling):
        return None
    return replace(state, resolution=Resolution(fact.claim, fact.who, fact.note, fact.force, since_t=t), doubt=None)


def _witnessed(state: ServiceRollout, fact: word_event.Witnessed) -> ServiceRollout | None:
    claimed = state.resolution
    if claimed is None or claimed.seen is not None:
        return None
    if not fact.blind and (fact.agrees or claimed.force):
        return replace(state, resolution=replace(claimed, seen=fact.detail))
    doubt = f"{claimed.who} said it is {claimed.claim}, but {fact.detail}"
    return replace(state, resolution=None, doubt=doubt)


# --- holds and stops ---


def _withheld(state: ServiceRollout, fact: Withholding, t: float) -> ServiceRollout:
    """Hold or stop; time under words is kept out of progress time."""
    after = _heard(state, fact, t)
    if state.stop is not None and after.stop is None:
        after = _back_excused(after, since_t=state.stop.since_t, t=t)
    if after.holds or after.stop is not None:
        since_t = t if state.withheld_since_t is None else state.withheld_since_t
        return replace(after, withheld_since_t=since_t)
    if state.withheld_since_t is None:
        return after
    paused_s = state.paused_s + t - state.withheld_since_t
    return replace(_excused(after, state.withheld_since_t, t), withheld_since_t=None, paused_s=paused_s)


def _heard(state: ServiceRollout, fact: Withholding, t: float) -> ServiceRollout:
    """Change holds and stop. A word said again changes its text and keeps its beginning."""
    match fact:
        case event.Held(reason=reason, who=who, note=note, until_wall=until_wall):
            since_t = next((hold.since_t for hold in state.holds if hold.reason is reason), t)
            others = tuple(hold for hold in state.holds if hold.reason is not reason)
            return replace(state, holds=(*others, Hold(reason, who, note, since_t, until_wall)))
        case event.Released(reason=reason):
            return replace(state, holds=tuple(hold for hold in state.holds if hold.reason is not reason))
        case event.Stopped(who=who, note=note):
            return replace(state, stop=Stop(who, note, t if state.stop is None else state.stop.since_t))
        case event.Resumed():
            return replace(state, stop=None)


def _excused(state: ServiceRollout, since_t: float, t: float) -> ServiceRollout:
    """Move the clock of a forward call that was kept from being made."""
    if isinstance(state.phase, Back):
        return state
    return _waited(state, since_t, t)


def _back_excused(state: ServiceRollout, since_t: float, t: float) -> ServiceRollout:
    """Move the clock of a call on the way back that was kept from being made: only a stop does that."""
    return _waited(state, since_t, t) if isinstance(state.phase, Back) else state


def _waited(state: ServiceRollout, since_t: float, t: float) -> ServiceRollout:
    match doing(state.phase):
        case Ready() | Beginning(call=None) | Errand(call=None, settling=False) as doing_it:
            waited_s = t - max(since_t, state.phase_since_t)
            step = replace(doing_it.step, began_t=doing_it.step.began_t + waited_s)
            return replace(state, phase=within(state.phase, replace(doing_it, step=step)))
        case _:
            return state
