"""Makes one call: permit, decide again, record the intent, send once, record the answer."""

import asyncio
from dataclasses import dataclass

from rollout.core import event
from rollout.core.action import Submit
from rollout.core.deadline import call_limit
from rollout.core.decide import FRESH_S, decide
from rollout.core.drafts import still_wanted, voice
from rollout.core.event import ServiceFact
from rollout.core.names import StreamName
from rollout.core.outcome import Accepted, Lost, Outcome, Refused, RefusedKind
from rollout.core.seats import takes_a_seat
from rollout.core.service import ServiceRollout
from rollout.engine.bucket import retry_after
from rollout.engine.kit import Kit
from rollout.engine.pacer import Kind, Lane, jitter
from rollout.engine.streams import service_state
from rollout.engine.turn import Turn
from rollout.engine.waiting import until_news


@dataclass(frozen=True, slots=True)
class CallTicket:
    """A Ticket of the platform protocol, asking the ledger's live state."""

    kit: Kit
    stream: StreamName
    number: int
    scope: str

    @property
    def key(self) -> str:
        """`<stream>/<number>`."""
        return f"{self.stream}/{self.number}"

    @property
    def timeout_s(self) -> float:
        """The engine's request timeout."""
        return self.kit.request_timeout_s

    def still_wanted(self) -> bool:
        """Ask the state as it is right now, and whether a Retry-After has come since the permit."""
        return self.is_next() and not self.is_closed()

    def is_next(self) -> bool:
        """Tell whether the state still wants this call."""
        return still_wanted(service_state(self.kit.ledger, self.stream), self.number)

    def is_closed(self) -> bool:
        """Tell whether the platform wants no calls at all just now."""
        return self.kit.pacer.is_closed(self.scope, Kind.WRITE)


async def call(kit: Kit, stream: StreamName, action: Submit, news: asyncio.Future[None], turn: Turn) -> None:
    """Carry `action` out unless it is no longer what `decide` wants once the permit is there.

    The wait for the permit ends with `news`, and where the call would be overdue; from the recorded intent to the
    recorded answer nothing interrupts. A permit that comes when something else is wanted first stays with `turn`.
    """
    if await _held(kit, stream, action):
        return
    try:
        if await _seated(kit, stream, action, news):
            await _call(kit, stream, action, news, turn)
    finally:
        kit.room.leave(service_state(kit.ledger, stream))


async def _call(kit: Kit, stream: StreamName, action: Submit, news: asyncio.Future[None], turn: Turn) -> None:
    state, now = service_state(kit.ledger, stream), kit.clock.now()
    scope = kit.platform.write_scope(state.target)
    lane = Lane.GOING_BACK if action.going_back else kit.forward
    # At an overdue call it is looked first; until the look in hand is old, that is not wanted yet.
    until_t = max(call_limit(state, now.t).t, now.t + FRESH_S)
    if not await turn.to_call(scope, lane, repeat=_tries(state) > 0, until_t=until_t, news=news):
        return
    state, now = service_state(kit.ledger, stream), kit.clock.now()
    if decide(state, now) != action or await _held(kit, stream, action):
        return
    turn.use()
    number = state.calls + 1
    intent = event.Intended(number, action.operation, kit.quarantine_s)
    intended = kit.ledger.put([(stream, intent)], now=now, actor=voice(intent))
    if takes_a_seat(action.operation, going_back=action.going_back):
        kit.room.check(service_state(kit.ledger, stream))
    await intended
    ticket, asked_t = CallTicket(kit, stream, number, scope), kit.clock.now().t
    outcome = await kit.platform.submit(state.target, action.operation, ticket)
    _tell_pacer(ticket, asked_t, outcome, repeat=_tries(state) > 0)
    if isinstance(outcome, Refused) and outcome.kind is RefusedKind.NOT_SENT and ticket.is_closed():
        outcome = Refused(RefusedKind.THROTTLED, f"not sent, for {scope} was throttled meanwhile: {outcome.error}")
    answer = _answer(kit, state, number, outcome)
    await kit.ledger.put([(stream, answer)], now=kit.clock.now(), actor=voice(answer))


async def _seated(kit: Kit, stream: StreamName, action: Submit, news: asyncio.Future[None]) -> bool:
    """Have a seat for a call that takes something down; False = `news` came before."""
    if not takes_a_seat(action.operation, going_back=action.going_back):
        return True
    entering = kit.room.enter(service_state(kit.ledger, stream), going_back=action.going_back)
    return await until_news(entering, news, name=f"room {stream}")


async def _held(kit: Kit, stream: StreamName, action: Submit) -> bool:
    """Hold the service where the rules of the fleet want that before a forward call; True = it is held."""
    now = kit.clock.now()
    held = None if action.going_back else kit.hold_before(service_state(kit.ledger, stream), action.operation, now)
    if held is None:
        return False
    await kit.ledger.put([(stream, held)], now=now, actor=held.who)
    return True


def _tell_pacer(ticket: CallTicket, asked_t: float, outcome: Outcome, *, repeat: bool) -> None:
    """Tell the pacer what became of a call; one that was not wanted any more says nothing about the endpoint."""
    pacer, scope = ticket.kit.pacer, ticket.scope
    match outcome:
        case Refused(kind=RefusedKind.NOT_SENT) if not ticket.still_wanted():
            pacer.give_back(scope, Kind.WRITE)
        case Lost() | Refused(kind=RefusedKind.NOT_SENT):
            pacer.answered(scope, Kind.WRITE, asked_t, ok=False)
        case Refused(kind=RefusedKind.THROTTLED, retry_after_s=retry_after_s):
            pacer.throttled(scope, Kind.WRITE, retry_after_s)
            pacer.answered(scope, Kind.WRITE, asked_t, ok=True)
        case Accepted() | Refused():
            pacer.answered(scope, Kind.WRITE, asked_t, ok=True)
            if repeat:
                pacer.repay(scope, Kind.WRITE)


def _answer(kit: Kit, state: ServiceRollout, number: int, outcome: Outcome) -> ServiceFact:
    match outcome:
        case Accepted(handle=handle):
            return event.Accepted(number, handle)
        case Lost(detail=detail):
            return event.Lost(number, detail)
        case Refused(kind=kind, error=error, retry_after_s=retry_after_s):
            refusals = _refusals(state)
            drawn_s = jitter(refusals, kit.draw())
            return event.Refused(number, kind, error, max(drawn_s, retry_after(retry_after_s or 0.0)))


def _refusals(state: ServiceRollout) -> int:
    step = getattr(state.phase, "step", None)
    return 0 if step is None else int(step.refusals)


def _tries(state: ServiceRollout) -> int:
    step = getattr(state.phase, "step", None)
    return 0 if step is None else int(step.refusals + step.losses)
