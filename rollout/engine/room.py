"""Room under the caps that rollouts share: who is under way, and who waits for a seat.

A seat is had before a call that takes something down is asked for. Going back comes first; within a scope nobody
overtakes.
"""

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from rollout.core.caps import Caps, Load, Scope, in_flight, lacks, refuse_excess
from rollout.core.names import RolloutId, StreamName
from rollout.core.seats import is_seated, seat_of, takes_whole
from rollout.core.service import ServiceRollout

ENGINE_SCOPE: Final = Scope("engine")
NO_CAPS: Final = Caps()
_NO_ROLLOUT: Final = Scope("rollout")


class CapPlan:
    """The caps of an engine: over everything, by subscription, and for each rollout."""

    def __init__(
        self, engine: Caps = NO_CAPS, subscriptions: Mapping[str, Caps] | None = None, rollout: Caps = NO_CAPS
    ) -> None:
        self._engine = engine
        self._subscriptions = {name.lower(): caps for name, caps in (subscriptions or {}).items()}
        self._rollout = rollout

    def over(self, subscription: str, rollout: RolloutId) -> Iterator[tuple[Scope, Caps]]:
        """Give the caps that a service of a rollout is under, where there are any."""
        subscription = subscription.lower()
        of_subscription = self._subscriptions.get(subscription, NO_CAPS)
        for scope, caps in (
            (ENGINE_SCOPE, self._engine),
            (Scope("subscription", subscription), of_subscription),
            (Scope("rollout", rollout), self._rollout),
        ):
            if caps != NO_CAPS:
                yield scope, caps

    def subscriptions(self) -> Iterator[str]:
        """Name the subscriptions that have caps of their own."""
        return iter(self._subscriptions)


class Standing(NamedTuple):
    """How much is under way in a scope, and how much may be."""

    scope: Scope
    caps: Caps
    load: Load


class _Waiter:
    """Somebody in the line."""

    def __init__(self, state: ServiceRollout, place: tuple[bool, int]) -> None:
        self.state = state
        self.place = place
        self.seated = asyncio.get_running_loop().create_future()


class Room:
    """Counts what is under way, and gives seats. It believes nothing but the states it is told."""

    def __init__(self, plan: CapPlan) -> None:
        self._plan = plan
        self._flying: dict[StreamName, ServiceRollout] = {}
        self._seats: dict[StreamName, ServiceRollout] = {}
        self._reserved: set[StreamName] = set()
        self._line: list[_Waiter] = []
        self._numbers = itertools.count()

    def told(self, state: ServiceRollout) -> None:
        """Hear of a service as it is now, and let in whoever fits then."""
        if not self._is_capped(state):
            return
        stream = state.stream
        if in_flight(state):
            self._flying[stream] = state
        else:
            self._flying.pop(stream, None)
        if stream not in self._reserved:
            self._settle(state)
        self._let_in()

    def left(self, subscription: str, rollout: RolloutId) -> tuple[int | None, str]:
        """Give how many services may still be begun, and which cap says so; None = any number."""
        found: tuple[int | None, str] = None, ""
        for scope, caps in self._plan.over(subscription, rollout):
            if caps.services is not None:
                now = self._load(scope).services
                left = max(caps.services - now, 0)
                if found[0] is None or left < found[0]:
                    found = left, f"{now} services are in flight in {scope}, and {caps.services} may be"
        return found

    async def enter(self, state: ServiceRollout, *, going_back: bool) -> None:
        """Have a seat; whoever has one keeps it. What is not used is given back with `leave`."""
        if not self._is_capped(state) or state.stream in self._seats:
            return
        waiter = _Waiter(state, (not going_back, next(self._numbers)))
        self._line.append(waiter)
        self._line.sort(key=lambda each: each.place)
        self._let_in()
        try:
            await waiter.seated
        finally:
            if waiter in self._line:
                self._line.remove(waiter)

    def leave(self, state: ServiceRollout) -> None:
        """Hear that the call is made, or is not wanted: from here on the state alone says who has a seat."""
        if state.stream in self._reserved:
            self._reserved.discard(state.stream)
            if not is_seated(state, before=False):
                self._seats.pop(state.stream, None)
            self.told(state)

    def check(self, state: ServiceRollout) -> None:
        """Raise InvariantBroken where more is under way than the caps over this service allow."""
        for scope, caps in self._plan.over(state.target.subscription, state.plan.rollout):
            if not self._is_alone(state, scope):
                refuse_excess(scope, caps, self._load(scope))

    def _is_alone(self, state: ServiceRollout, scope: Scope) -> bool:
        """Tell whether a service that goes back is all that is down in a scope: no cap keeps that from going back."""
        others = (each for stream, each in self._seats.items() if stream != state.stream)
        return state.turned_back and not any(_in(scope, each) for each in others)

    def too_large(self, state: ServiceRollout) -> str | None:
        """Say which cap the next call on a service would break even if it were alone; None = none."""
        seat = seat_of(state)
        for scope, caps in self._plan.over(state.target.subscription, state.plan.rollout):
            if caps.instances is not None and seat.instances > caps.instances:
                whose = "it has" if takes_whole(state) else "one of its domains has"
                return (
                    f"{whose} {seat.instances} instances{_at_once(state)}, and in {scope} {caps.instances} may be "
                    "unavailable: only a higher limit lets it go on"
                )
            if caps.domains is not None and seat.domains > caps.domains:
                return (
                    f"it has {seat.domains} domains{_at_once(state)}, and in {scope} {caps.domains} may be in flight: "
                    "only a higher limit lets it go on"
                )
        return None

    def said(self) -> str:
        """Say who waits for a seat; empty = nobody."""
        if not self._line:
            return ""
        lack = self._lack(self._line[0].state) or "others come first"
        return f"{len(self._line)} wait for room: {lack}"

    def standings(self) -> list[Standing]:
        """Tell how every scope with a cap stands, those of rollouts as far as something of them is under way."""
        flying = {(each.target.subscription.lower(), each.plan.rollout) for each in self._flying.values()}
        named = [(name, RolloutId("")) for name in self._plan.subscriptions()]
        found = {scope: caps for pair in [*named, *sorted(flying)] for scope, caps in self._plan.over(*pair)}
        found |= dict(self._plan.over("", RolloutId("")))
        return [Standing(scope, caps, self._load(scope)) for scope, caps in found.items() if scope != _NO_ROLLOUT]

    def _is_capped(self, state: ServiceRollout) -> bool:
        return next(self._plan.over(state.target.subscription, state.plan.rollout), None) is not None

    def _settle(self, state: ServiceRollout) -> None:
        if is_seated(state, before=state.stream in self._seats):
            self._seats[state.stream] = state
        else:
            self._seats.pop(state.stream, None)

    def _let_in(self) -> None:
        """Seat whoever fits, in order; who does not fit closes its scopes to those behind."""
        closed: set[Scope] = set()
        for waiter in self._line.copy():
            if waiter.seated.done():
                continue  # it wants none any more, and has not had its turn of the loop to leave the line
            state = waiter.state
            scopes = {scope for scope, _ in self._plan.over(state.target.subscription, state.plan.rollout)}
            alone = not waiter.place[0] and not self._seats
            if (scopes & closed or self._lack(state) is not None) and not alone:
                closed |= scopes
                continue
            self._line.remove(waiter)
            self._seats[state.stream] = state
            self._reserved.add(state.stream)
            waiter.seated.set_result(None)

    def _lack(self, state: ServiceRollout) -> str | None:
        more = seat_of(state)
        for scope, caps in self._plan.over(state.target.subscription, state.plan.rollout):
            if (found := lacks(caps, self._load(scope), more)) is not None:
                return f"in {scope} {found}"
        return None

    def _load(self, scope: Scope) -> Load:
        seats = [seat_of(state) for state in self._seats.values() if _in(scope, state)]
        flying = sum(_in(scope, state) for state in self._flying.values())
        return Load(flying, sum(seat.domains for seat in seats), sum(seat.instances for seat in seats))


def _at_once(state: ServiceRollout) -> str:
    return ", which change all at once" if takes_whole(state) else ""


def _in(scope: Scope, state: ServiceRollout) -> bool:
    match scope.kind:
        case "engine":
            return True
        case "subscription":
            return state.target.subscription.lower() == scope.name
        case _:
            return state.plan.rollout == scope.name
