"""What is written together, and in whose name: the part of an append that follows from a fact alone."""

from collections.abc import Mapping

from rollout.core import event, fleet_event
from rollout.core.change_event import Installed
from rollout.core.event import Fact, ServiceFact
from rollout.core.foreseen import Foreseen
from rollout.core.names import ENGINE, POLICY, ServiceName, StreamName, rollout_stream, service_stream
from rollout.core.phase import Back, call_of
from rollout.core.plan import RolloutPlan, ServicePlan
from rollout.core.service import ServiceRollout

Draft = tuple[StreamName, Fact]


def opening(
    plan: RolloutPlan,
    services: tuple[ServicePlan, ...],
    known: Mapping[ServiceName, Installed],
    foreseen: Foreseen | None = None,
) -> tuple[Draft, ...]:
    """Open a rollout and the first attempt at each of its services, in one transaction.

    `known` is what our records say runs there.
    """
    opened = [
        (service_stream(plan.rollout, each.service, 1), event.Opened(each, 1, known.get(each.service)))
        for each in services
    ]
    return ((rollout_stream(plan.rollout), fleet_event.RolloutOpened(plan, foreseen)), *opened)


def with_companions(state: ServiceRollout, fact: ServiceFact) -> tuple[Draft, ...]:
    """Add what the rollout's own stream says of a fact: endings and new attempts are written to both at once."""
    own = (state.stream, fact)
    if isinstance(fact, event.Opened):
        rollout, service = state.plan.rollout, state.plan.service
        own, fleet = (service_stream(rollout, service, fact.attempt), fact), rollout_stream(rollout)
        reopened = (fleet, fleet_event.ServiceReopened(service, fact.attempt))
        if fact.undoing is None:
            return own, reopened
        return own, reopened, (fleet, fleet_event.ServiceAdmitted(service))
    if isinstance(fact, event.Closed):
        return own, (rollout_stream(state.plan.rollout), fleet_event.ServiceEnded(state.plan.service, fact.outcome))
    return (own,)


def voice(fact: Fact) -> str:
    """Name the actor of a fact that no person spoke."""
    match fact:
        case (
            event.TurnedBack()
            | event.HeldOnFailure()
            | event.Closed()
            | fleet_event.Halted()
            | fleet_event.RolloutClosed()
        ):
            return POLICY
        case _:
            return ENGINE


def still_wanted(state: ServiceRollout, number: int) -> bool:
    """Tell whether call `number` may still be sent: asked with the connection in hand."""
    call = call_of(state.phase)
    if call is None or call.number != number or call.handle is not None or state.stop is not None:
        return False
    return isinstance(state.phase, Back) or not (state.turned_back or state.holds)
