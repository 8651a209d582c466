"""Finds the streams of one rollout in the ledger: each service's newest attempt, in fleet order."""

from collections.abc import Iterator

from rollout.core.fleet_state import RolloutState
from rollout.core.names import RolloutId, ServiceName, StreamName, service_stream
from rollout.core.service import ServiceRollout
from rollout.errors import InvariantBroken
from rollout.journal.ledger import Ledger

RolloutLedger = Ledger[ServiceRollout, RolloutState]


def rollout_state(ledger: RolloutLedger, rollout: RolloutId) -> RolloutState:
    """Give the state of a rollout that is known to exist."""
    state = ledger.rollout(rollout)
    if state is None:
        message = f"no state for rollout {rollout}"
        raise InvariantBroken(message)
    return state


def service_state(ledger: RolloutLedger, stream: StreamName) -> ServiceRollout:
    """Give the state of a service rollout that is known to exist and to be in memory."""
    state = ledger.service(stream)
    if state is None:
        message = f"no state for {stream}"
        raise InvariantBroken(message)
    return state


def newest_attempts(ledger: RolloutLedger, rollout: RolloutId) -> Iterator[tuple[ServiceName, StreamName]]:
    """Go through the services of a rollout and their newest attempts."""
    for wave in rollout_state(ledger, rollout).plan.waves:
        for service in wave.services:
            yield service, newest_attempt(ledger, rollout, service)


def newest_attempt(ledger: RolloutLedger, rollout: RolloutId, service: ServiceName) -> StreamName:
    """Name the stream of the newest attempt at a service."""
    attempt = 1
    while ledger.row(service_stream(rollout, service, attempt + 1)) is not None:
        attempt += 1
    return service_stream(rollout, service, attempt)
