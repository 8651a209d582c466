"""Makes one call: permit, decide again, record the intent, send once, record the answer."""

import asyncio
from dataclasses import dataclass

from rollout.core import event
from rollout.core.action import Submit
from rollout.core.decide import decide
from rollout.core.drafts import still_wanted, voice
from rollout.core.event import ServiceFact
from rollout.core.names import StreamName
from rollout.core.outcome import Accepted, Lost, Outcome, Refused, RefusedKind
from rollout.core.service import ServiceRollout
from rollout.engine.bucket import retry_after
from rollout.engine.kit import Kit
from rollout.engine.pacer import Kind, Lane, jitter
from rollout.engine.streams import service_state
from rollout.engine.waiting import until_news


@dataclass(frozen=True, slots=True)
class CallTicket:
    """A Ticket of the platform protocol, asking the ledger's live state."""

    kit: Kit
    stream: StreamName
    number: int

    @property
    def key(self) -> str:
        """`<stream>/<number>`."""
        return f"{self.stream}/{self.number}"

    @property
    def timeout_s(self) -> float:
        """The engine's request timeout."""
        return self.kit.request_timeout_s

    def still_wanted(self) -> bool:
        """Ask the state as it is right now."""
        return still_wanted(service_state(self.kit.ledger, self.stream), self.number)


async def call(kit: Kit, stream: StreamName, action: Submit, news: asyncio.Future[None]) -> None:
    """Carry `action` out unless it is no longer what `decide` wants once the permit is there.

    The wait for the permit ends with `news`; from the recorded intent to the recorded answer nothing interrupts.
    """
    scope = kit.platform.write_scope(service_state(kit.ledger, stream).target)
    lane = Lane.GOING_BACK if action.going_back else Lane.FORWARD
    permit = kit.pacer.permit(scope, Kind.WRITE, lane)
    if not await until_news(permit, news, name=f"permit {stream}"):
        return
    state, now = service_state(kit.ledger, stream), kit.clock.now()
    if decide(state, now) != action:
        kit.pacer.give_back(scope, Kind.WRITE)
        return
    number = state.calls + 1
    intent = event.Intended(number, action.operation, kit.quarantine_s)
    await kit.ledger.put([(stream, intent)], now=now, actor=voice(intent))
    outcome = await kit.platform.submit(state.target, action.operation, CallTicket(kit, stream, number))
    if isinstance(outcome, Refused) and outcome.kind is RefusedKind.THROTTLED:
        kit.pacer.throttled(scope, Kind.WRITE, outcome.retry_after_s)
    answer = _answer(kit, state, number, outcome)
    await kit.ledger.put([(stream, answer)], now=kit.clock.now(), actor=voice(answer))


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
