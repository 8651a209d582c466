"""A rollout's milestones as lines of words on stderr, for logs and for terminals that cannot draw. Pure."""

from rollout.core import event, fleet_event, freeze_event, sight_event, word_event
from rollout.core.care_event import HandedBack, TakenUp
from rollout.core.environment_event import EnvironmentHeld, EnvironmentLifted
from rollout.core.gate_event import Baselined
from rollout.core.names import StreamName, is_service_stream, parse_service_stream
from rollout.journal.journal import Recorded
from rollout.views.text import counted, one_line


def milestone(recorded: Recorded) -> str | None:
    """Give the line for an entry that people wait for; None for all others, such as each walk of a large fleet."""
    said = told(recorded.entry.fact)
    return one_line(f"{_whose(recorded.entry.stream)}: {said}") if said else None


def told(fact: event.Fact) -> str | None:
    """Say what people wait for, as the continuation of "<whose>: "; None for every other fact."""
    match fact:
        case event.Admitted():
            return "begins"
        case event.TurnedBack(reason=reason):
            return f"goes back: {reason}"
        case event.HeldOnFailure(reason=reason) | event.Escalated(reason=reason) | Baselined(hold=str() as reason):
            return f"waits for a person: {reason}"
        case event.TakenOver(detail=detail) | sight_event.Blinded(detail=detail):
            return detail
        case event.Closed(outcome=outcome, reason=reason):
            return f"{outcome.value}: {reason}"
        case _:
            return _of_rollout(fact) or _spoken(fact)


def _of_rollout(fact: event.Fact) -> str | None:
    """Say what happened to the rollout as a whole."""
    match fact:
        case fleet_event.RolloutOpened(plan=plan):
            return f"opened for {sum(len(wave.services) for wave in plan.waves)} services"
        case fleet_event.WaveOpened(wave=wave):
            return f"wave {wave} opened"
        case fleet_event.Halted(reason=reason, back=back):
            return f"halted, nothing new starts{_back(back)}: {reason}"
        case EnvironmentHeld(reason=reason):
            return f"halted, nothing new starts: {reason}"
        case fleet_event.BakeBegan(wave=wave, services=services):
            return f"wave {wave} is watched: {counted(len(services), 'service')}"
        case fleet_event.BakeProbed(service=service, well=well, detail=detail) if not well:
            return f"{service} is {'not healthy' if well is False else 'out of sight'} while it is watched: {detail}"
        case fleet_event.BakeEnded(wave=wave):
            return f"wave {wave} was healthy for long enough"
        case fleet_event.BakeFailed(wave=wave, reason=reason):
            return f"the bake of wave {wave} failed: {reason}"
        case fleet_event.RolloutClosed(reason=reason):
            return f"closed: {reason}"
        case _:
            return _of_others(fact)


def _of_others(fact: event.Fact) -> str | None:
    """Say what other people and other rollouts have to do with it."""
    match fact:
        case fleet_event.ApprovalAsked(scope=scope, by=by):
            return f"waits for {by} to approve {f'wave {scope}' if scope else 'the rollout'}"
        case fleet_event.Approved(scope=scope, who=who, note=note):
            return f"{f'wave {scope}' if scope else 'the rollout'} is approved by {who}: {note}"
        case fleet_event.Rejected(scope=scope, who=who, note=note):
            return f"{f'wave {scope}' if scope else 'the rollout'} is rejected by {who}: {note}"
        case fleet_event.Superseded(by=by, services=services):
            return f"{by} takes the place of {counted(len(services), 'service')}"
        case fleet_event.Amended(who=who, note=note):
            return f"runs under other terms, says {who}: {note}"
        case event.Held(reason=event.HoldReason.WINDOW | event.HoldReason.APPROVAL | event.HoldReason.FREEZE) as held:
            return f"goes no further for now ({held.reason}): {held.note}"
        case _:
            return _of_engine(fact)


def _of_engine(fact: event.Fact) -> str | None:
    """Say what was said to the engine as a whole."""
    match fact:
        case freeze_event.Frozen(who=who, note=note):
            return f"frozen by {who}, nothing is begun: {note}"
        case freeze_event.Unfrozen(who=who, note=note):
            return f"the freeze is lifted by {who}: {note}"
        case freeze_event.Restored(who=who, note=note, quarantine_s=quarantine_s):
            return f"restored by {who} {note}; nothing is called for {quarantine_s:g} s"
        case freeze_event.SentAgain(who=who, note=note, rollout=rollout):
            return f"what nobody took {f'of {rollout} ' if rollout else ''}is sent again, says {who}: {note}"
        case freeze_event.TriedAgain(who=who, note=note, rollout=rollout):
            return f"{rollout} was stopped by a mistake of the engine and is taken up again, says {who}: {note}"
        case _:
            return None


def _spoken(fact: event.Fact) -> str | None:
    """Say what a person said."""
    match fact:
        case fleet_event.Aborted(who=who, note=note):
            return f"aborted by {who}, everything goes back: {note}"
        case fleet_event.HaltLifted(who=who, note=note) | EnvironmentLifted(who=who, note=note):
            return f"goes on, says {who}: {note}"
        case event.Held(reason=event.HoldReason.PAUSE, who=who, note=note):
            return f"paused by {who}: {note}"
        case event.Released(reason=reason, who=who):
            return f"the {reason.value} is lifted by {who}"
        case event.Stopped(who=who, note=note):
            return f"stopped by {who}: {note}"
        case event.Resumed(who=who, note=note):
            return f"the stop is lifted by {who}: {note}"
        case word_event.Advanced(who=who, note=note):
            return f"advanced by {who}: {note}"
        case word_event.Retried(who=who, note=note):
            return f"tried again, says {who}: {note}"
        case word_event.Claimed(claim=claim, who=who, note=note):
            return f"{who} says it is {claim.value}: {note}"
        case _:
            return _of_care(fact)


def _of_care(fact: event.Fact) -> str | None:
    """Say who has what needs somebody."""
    match fact:
        case TakenUp(who=who, note=note):
            return f"{who} has it: {note}"
        case HandedBack(who=who, note=note):
            return f"handed back by {who}: {note}"
        case _:
            return None


def _back(waves: tuple[str, ...]) -> str:
    return f", and wave{'s' if len(waves) > 1 else ''} {', '.join(waves)} goes back" if waves else ""


def _whose(stream: StreamName) -> str:
    return parse_service_stream(stream)[1] if is_service_stream(stream) else stream
