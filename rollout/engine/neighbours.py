"""What is around each rollout of one engine: freezes, other rollouts that want the same, and who is driven here."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from rollout.core.around import Around, Taken
from rollout.core.caps import in_flight
from rollout.core.conflict import Claim, TargetKey, has_it, target_key
from rollout.core.event import Held, HoldReason
from rollout.core.fleet_state import RolloutState
from rollout.core.holding import hold_before
from rollout.core.names import POLICY, Now, RolloutId, ServiceName, StreamName
from rollout.core.operation import Operation
from rollout.core.seats import takes_a_seat
from rollout.core.service import ServiceRollout
from rollout.engine.room import Room
from rollout.engine.streams import RolloutLedger, newest_attempt, newest_attempts, rollout_state, service_state
from rollout.errors import InvariantBroken


class Wants(Protocol):
    """What others know of a rollout that this engine goes on with."""

    @property
    def urgent(self) -> bool:
        """Whether it comes before others."""
        ...

    @property
    def wanted(self) -> int:
        """How many services it would begin at once if no cap were shared."""
        ...


class Neighbours:
    """Looks around in the ledger. `driven` are the rollouts that this engine goes on with."""

    def __init__(self, ledger: RolloutLedger, room: Room, driven: Mapping[RolloutId, Wants]) -> None:
        self._ledger = ledger
        self._room = room
        self._driven = driven
        self._contested: dict[RolloutId, dict[ServiceName, tuple[RolloutId, ...]]] = {}

    def around(self, rollout: RolloutId, now: Now) -> Around:
        """Give what decisions about a rollout depend on besides itself."""
        left, said = self._left(rollout)
        return Around(
            freeze=self._ledger.engine().freeze_at(now),
            taken=self._taken(rollout),
            abroad=self._abroad(rollout),
            room=left,
            room_said=said,
        )

    def _left(self, rollout: RolloutId) -> tuple[int | None, str]:
        """Give the room under shared caps; what urgent rollouts want of it is not for others."""
        plan = rollout_state(self._ledger, rollout).plan
        first = service_state(self._ledger, newest_attempt(self._ledger, rollout, plan.waves[0].services[0]))
        left, said = self._room.left(first.target.subscription, rollout)
        if left is None or plan.urgent:
            return left, said
        urgent = sum(each.wanted for other, each in self._driven.items() if other != rollout and each.urgent)
        if urgent >= left > 0:
            return 0, f"{said}; urgent rollouts want what is left"
        return left - min(urgent, left), said

    def _abroad(self, rollout: RolloutId) -> frozenset[ServiceName]:
        if not rollout_state(self._ledger, rollout).plan.paired:
            return frozenset()
        return frozenset(
            name for claim in self.claims(but=rollout) for name, state in claim.services.items() if in_flight(state)
        )

    def told(self, stream: StreamName) -> None:
        """Hear that a service was changed, before anybody decides on what was true before."""
        self._room.told(service_state(self._ledger, stream))

    def hold_before(self, state: ServiceRollout, operation: Operation, now: Now) -> Held | None:
        """Give the hold that has to come before a forward call of a service."""
        if (too_large := self._room.too_large(state)) is not None and takes_a_seat(operation, going_back=False):
            return Held(HoldReason.BUDGET, POLICY, too_large)
        fleet = rollout_state(self._ledger, state.plan.rollout)
        around = Around(freeze=self._ledger.engine().freeze_at(now))
        return hold_before(fleet, state, operation, now, around)

    def claims(self, but: RolloutId | None = None) -> list[Claim]:
        """Give every open rollout, in the order in which they were opened."""
        return [
            Claim(state, {name: service_state(self._ledger, stream) for name, stream in self._newest(rollout)})
            for rollout, state in self._open()
            if rollout != but
        ]

    def before(self, rollout: RolloutId) -> list[RolloutId]:
        """Give the rollouts that have or want what this one wants, and come first."""
        return list(dict.fromkeys(taken.rollout for taken in self._taken(rollout).values()))

    def refuse_second_owner(self, stream: StreamName) -> None:
        """Raise InvariantBroken where a deployment would be changed by two rollouts at once."""
        state = service_state(self._ledger, stream)
        for other in self._contested_by(state.plan.rollout).get(state.plan.service, ()):
            if has_it(self._service(other, state.plan.service), earlier=False):
                message = f"{stream} would begin while {other} is under way on the same deployment"
                raise InvariantBroken(message)

    def forget(self) -> None:
        """Hear that a rollout was opened: who wants what is found out anew."""
        self._contested.clear()

    def _taken(self, rollout: RolloutId) -> dict[ServiceName, Taken]:
        if not (contested := self._contested_by(rollout)):
            return {}
        order = [known for known, _ in self._open()]
        if rollout not in order:
            return {}
        at = order.index(rollout)
        found: dict[ServiceName, Taken] = {}
        for service, others in contested.items():
            for other in others:
                if other not in order:
                    continue
                if has_it(self._service(other, service), earlier=order.index(other) < at):
                    found[service] = Taken(other, driven=other in self._driven)
                    break
        return found

    def _contested_by(self, rollout: RolloutId) -> dict[ServiceName, tuple[RolloutId, ...]]:
        """Give the services of a rollout whose deployment other open rollouts want too, and those rollouts."""
        if rollout not in self._contested:
            wanted: dict[TargetKey, list[RolloutId]] = {}
            not_theirs = {rollout, rollout_state(self._ledger, rollout).plan.beside}
            for other, _ in self._open():
                for name, _stream in self._newest(other) if other not in not_theirs else ():
                    wanted.setdefault(target_key(self._service(other, name).plan.target), []).append(other)
            own = {name: target_key(self._service(rollout, name).plan.target) for name, _ in self._newest(rollout)}
            self._contested[rollout] = {name: tuple(wanted[key]) for name, key in own.items() if key in wanted}
        return self._contested[rollout]

    def _open(self) -> Iterator[tuple[RolloutId, RolloutState]]:
        return ((rollout, state) for rollout, state in self._ledger.rollouts().items() if state.closed is None)

    def _newest(self, rollout: RolloutId) -> Iterator[tuple[ServiceName, StreamName]]:
        return newest_attempts(self._ledger, rollout)

    def _service(self, rollout: RolloutId, service: ServiceName) -> ServiceRollout:
        return service_state(self._ledger, newest_attempt(self._ledger, rollout, service))
