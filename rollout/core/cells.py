"""What a command does where it is not refused outright: the cells of the command table that depend on the state."""

from typing import Final

from rollout.core import event, word_event
from rollout.core.change_event import Undoing
from rollout.core.change_plan import SwapPlan
from rollout.core.command import Answer, Command, NoOp, Refused, Told
from rollout.core.ending import Outcome
from rollout.core.event import HoldReason, ServiceFact, Verdict
from rollout.core.explain import spell
from rollout.core.health import asked_in
from rollout.core.holding import RULED
from rollout.core.names import Now
from rollout.core.phase import (
    Baking,
    Beginning,
    Checking,
    Ended,
    Errand,
    HeldForPerson,
    Ready,
    Reconciling,
    Reverting,
    Settling,
    SwapBaking,
    Walking,
    call_of,
)
from rollout.core.service import ServiceRollout
from rollout.core.stages import walks_itself
from rollout.core.way_back import past_return
from rollout.errors import InvariantBroken

INSTEAD_OF_ROLLBACK: Final = "resolve says what it is; leave it held; a rollout of the old release brings that back"
PAUSE_LATE: Final = NoOp("it goes back, and a pause never stops that; a stop does")
BACK_ALREADY: Final = NoOp("it goes back already")
RESOLVE_ACTING: Final = Refused("the engine knows what is true of it", "wait, or rollback")

# --- words beside the phase ---


def pause(state: ServiceRollout, command: Command, now: Now) -> Answer:
    """Hold the way forward; going back is beyond a pause."""
    if goes_back(state):
        return PAUSE_LATE
    for hold in state.holds:
        if hold.reason is HoldReason.PAUSE:
            return NoOp(f"it is paused already, by {hold.who} for {spell(now.t - hold.since_t)}: {hold.note}")
    acting = isinstance(state.phase, Beginning | Walking | Settling | Errand | Reconciling)
    finishing = "; what is under way finishes" if acting else ""
    return Told((event.Held(HoldReason.PAUSE, command.actor, command.reason),), f"goes no further{finishing}")


def goes_back(state: ServiceRollout) -> bool:
    """Tell whether only going back is wanted, and it is under way or waits for the answer to a call."""
    return state.turned_back and isinstance(state.phase, Beginning | Walking | Errand | Reconciling | Reverting)


def resume(state: ServiceRollout, command: Command, now: Now) -> Answer:  # noqa: ARG001 - a cell's signature
    """Lift the stop and every hold; going back needs only the stop lifted."""
    lifted: list[ServiceFact] = []
    if state.stop is not None:
        lifted.append(event.Resumed(command.actor, command.reason))
    ruled = [hold for hold in state.holds if hold.reason in RULED]
    if not goes_back(state):
        lifted += [event.Released(hold.reason, command.actor) for hold in state.holds if hold not in ruled]
    if lifted:
        return Told(tuple(lifted), "what kept it is lifted")
    if ruled and not goes_back(state):
        return Refused("; ".join(f"{hold.reason}: {hold.note}" for hold in ruled), "wait, or rollback")
    return NoOp("no hold and no stop keeps it")


def resume_held(state: ServiceRollout, command: Command, now: Now) -> Answer:
    """Lift what can be lifted; what failed needs another word."""
    lifted = resume(state, command, now)
    if isinstance(lifted, Told):
        return Told(lifted.facts, f"{lifted.said}, but it stays held: retry, advance or rollback moves it")
    return Refused("it failed and waits for a decision, which a resume is not", "retry, advance or rollback")


def stop(state: ServiceRollout, command: Command, now: Now) -> Answer:
    """Keep every call from being made, in either direction."""
    if state.stop is not None:
        since = spell(now.t - state.stop.since_t)
        return NoOp(f"it is stopped already, by {state.stop.who} for {since}: {state.stop.note}")
    said = "no new call in either direction until a resume or a rollback; what is in flight is watched"
    return Told((event.Stopped(command.actor, command.reason),), said)


# --- the way forward ---


def advance(state: ServiceRollout, command: Command, now: Now) -> Answer:  # noqa: ARG001 - a cell's signature
    """End a gate or a bake: with every red check named, and knowingly before the last domain."""
    waiting = state.phase.was if isinstance(state.phase, HeldForPerson) else state.phase
    if state.stop is not None:
        return _stopped(state)
    if isinstance(waiting, Ready) and not isinstance(state.phase, HeldForPerson):
        if state.holds:
            return Refused("a hold keeps it, and that is no wait", "resume")
        return NoOp("it waits for nothing: the next call is on its way")
    if not isinstance(waiting, Checking | Baking | SwapBaking):
        return Refused("what failed is no wait that could be ended", "retry repeats it; rollback takes it back")
    if state.failure is not None and waiting is state.phase:
        return Refused(f"it has just failed: {state.failure}", "the same once it is held; rollback")
    red = _not_green(state, waiting)
    if missing := [check for check in red if check not in command.accept_red]:
        return Refused(
            f"not healthy: {', '.join(missing)}", " ".join(f"--accept-red {check}" for check in missing) + "; rollback"
        )
    if unknown := [
        name for name in command.accept_red if name not in {check.name for check in state.plan.health.checks}
    ]:
        return Refused(f"there is no check {', '.join(unknown)}", "the names that `rollout get` shows")
    if _before_last(state, waiting) and not command.past_no_return:
        return Refused("the walk after this is the last, and then Rollback is gone", "--past-no-return; rollback")
    kept = "; a hold still keeps it: resume" if state.holds else ""
    advanced = word_event.Advanced(waiting.domain, command.actor, command.reason, tuple(red))
    return Told((advanced,), f"the wait is over{kept}")


def _not_green(state: ServiceRollout, waiting: Checking | Baking | SwapBaking) -> list[str]:
    """Give the checks that count and are not known to pass; before the first round that is all of them."""
    settled = {each.check for each in waiting.gate.evidence if each.verdict is Verdict.PASS}
    settled |= {check.name for check in state.plan.health.checks if check.advisory}.union(state.excused)
    return [name for name in asked_in(state, waiting) if name not in settled]


def _before_last(state: ServiceRollout, waiting: Checking | Baking | SwapBaking) -> bool:
    if isinstance(waiting, SwapBaking) or walks_itself(state):
        return False
    last = state.domain_count - 1
    if isinstance(waiting, Baking):
        return waiting.domain == last
    return waiting.domain + 1 == last and state.plan.walk.bake_before_last_s <= 0


def retry(state: ServiceRollout, command: Command, now: Now) -> Answer:  # noqa: ARG001 - a cell's signature
    """Take up again what was given up."""
    if state.stop is not None:
        return _stopped(state)
    kept = "; a hold still keeps it: resume" if state.holds and not state.turned_back else ""
    return Told((word_event.Retried(command.actor, command.reason),), f"what was given up is taken up again{kept}")


def _stopped(state: ServiceRollout) -> Refused:
    said = f"stopped by {state.stop.who}: {state.stop.note}" if state.stop is not None else "stopped"
    return Refused(said, "resume, or rollback, which lifts the stop")


def new_attempt(state: ServiceRollout, command: Command, now: Now) -> Answer:  # noqa: ARG001 - a cell's signature
    """Begin anew what has ended."""
    if state.ended is not None and state.ended.outcome in {Outcome.SUCCEEDED, Outcome.UNCHANGED}:
        return NoOp("it runs the new release")
    attempt = state.attempt + 1
    return Told((event.Opened(state.plan, attempt),), f"attempt {attempt} waits for its wave to have room")


# --- the way back ---


def rollback(state: ServiceRollout, command: Command, now: Now) -> Answer:
    """Go back, which lifts a stop."""
    lifted = _lifted(state, command)
    if state.turned_back:
        return Told(lifted, "the stop is lifted; it goes back") if lifted else BACK_ALREADY
    if (gone := past_return(state)) is not None:
        return Refused(gone, INSTEAD_OF_ROLLBACK)
    return Told((*lifted, event.TurnedBack(command.reason, command.actor)), f"goes back {_when(state, now)}")


def _when(state: ServiceRollout, now: Now) -> str:
    call = call_of(state.phase)
    if isinstance(state.phase, Reconciling):
        left_s = state.phase.quarantine_until_t - now.t
        return f"as soon as it is known what became of the lost call, in {spell(left_s)} at the earliest"
    if call is not None and call.handle is None:
        return "as soon as the call in flight is answered"
    return "as soon as the platform lets it" if call is not None else "now"


def rollback_held(state: ServiceRollout, command: Command, now: Now) -> Answer:
    """Go back, unless that is what was given up."""
    if state.turned_back:
        return Refused(f"it cannot go back: {state.no_way_back or state.failure}", INSTEAD_OF_ROLLBACK)
    return rollback(state, command, now)


def rollback_unclear(state: ServiceRollout, command: Command, now: Now) -> Answer:
    """Go back, or ask for the way back once more."""
    if not state.turned_back:
        return rollback(state, command, now)
    retried = word_event.Retried(command.actor, command.reason)
    return Told((*_lifted(state, command), retried), "asks for the way back again")


def swap_back_ended(state: ServiceRollout, command: Command, now: Now) -> Answer:
    """Swap an ended service back while its previous deployment is kept; anything else needs a rollout of its own."""
    change, phase = state.plan.change, state.phase
    if not isinstance(change, SwapPlan) or not state.swapped or not isinstance(phase, Ended):
        return Refused("this attempt has ended, and the platform's Rollback with it", "revert")
    if phase.outcome is not Outcome.SUCCEEDED:
        return Refused(f"this attempt has ended as {phase.outcome}", "revert")
    kept_s = state.phase_since_t + change.keep_previous_s - now.t
    if kept_s < 0:
        return Refused(f"what stood there before was kept until {spell(-kept_s)} ago", "revert")
    return Told((undo(state, command),), "swaps back, as a new attempt")


def undo(state: ServiceRollout, command: Command) -> event.Opened:
    """Open the attempt that takes back what this ended one did."""
    if state.before is None:
        raise InvariantBroken(f"{state.stream} succeeded without having been looked at")
    undoing = Undoing(
        who=command.actor,
        note=command.reason,
        before=state.before,
        production=state.production,
        prepared=state.prepared,
        captured=state.captured,
        walked=state.walked,
        mark=state.mark,
        acted=state.acted,
        swapped=state.swapped,
        known=state.known,
    )
    return event.Opened(state.plan, state.attempt + 1, undoing=undoing)


def take_over(state: ServiceRollout, command: Command, now: Now) -> Answer:  # noqa: ARG001 - a cell's signature
    """Go back over somebody else's change, if that is really meant."""
    if not command.take_over:
        return Refused(
            "somebody else's change is on the deployment",
            "exclude leaves it to them; retry looks again; rollback --take-over takes their change back",
        )
    if state.before is None:
        return Refused("nothing is known of how it was before", "exclude or resolve")
    turned = event.TurnedBack(command.reason, command.actor, take_over=True)
    return Told((*_lifted(state, command), turned), "goes back, whosever change it is")


def _lifted(state: ServiceRollout, command: Command) -> tuple[ServiceFact, ...]:
    return () if state.stop is None else (event.Resumed(command.actor, command.reason),)


# --- ends ---


def exclude(state: ServiceRollout, command: Command, now: Now) -> Answer:  # noqa: ARG001 - a cell's signature
    """End it and count it no more."""
    return Told((event.Closed(Outcome.EXCLUDED, command.actor, command.reason),), "excluded")


def cancel(state: ServiceRollout, command: Command, now: Now) -> Answer:  # noqa: ARG001 - a cell's signature
    """End it before anything was touched."""
    return Told((event.Closed(Outcome.CANCELLED, command.actor, command.reason),), "cancelled; nothing was touched")


def resolve(state: ServiceRollout, command: Command, now: Now) -> Answer:  # noqa: ARG001 - a cell's signature
    """Have the deployment looked at, and then believe what a person says."""
    if command.resolve_as is None:
        return Refused("nobody said what it is", "--as succeeded, rolled_back, failed or left")
    told, known = command.resolve_as, state.resolution
    if known is not None and (known.claim, known.force) == (told, command.force):
        return NoOp(f"the deployment is being looked at, for {known.who} says so already")
    claimed = word_event.Claimed(told, command.actor, command.reason, command.force)
    return Told((claimed,), "counts once the deployment was looked at, unless that shows something else")


def resolve_acting(state: ServiceRollout, command: Command, now: Now) -> Answer:
    """Resolve only what nobody knows."""
    return resolve(state, command, now) if isinstance(state.phase, Reconciling) else RESOLVE_ACTING
