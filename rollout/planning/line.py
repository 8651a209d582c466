"""Seats under shared caps while a plan is played: who has one, and who waits in which order. The engine's own rule."""

from collections.abc import Mapping

from rollout.core.caps import Caps, Load, lacks
from rollout.core.names import ServiceName
from rollout.planning.legs import Leg, Seat

ONE: Load = Load(domains=1)


def seat_size(whole: Load, seat: Seat) -> Load:
    """Give what a seat stands for, of a service with so many domains and instances in all."""
    if seat is Seat.WHOLE:
        return whole
    return Load(domains=1, instances=-(-whole.instances // max(whole.domains, 1)))


class Line:
    """One rollout's seats: nobody overtakes, for all of them are under the same caps."""

    def __init__(self, caps: tuple[Caps, ...], sizes: Mapping[ServiceName, Load]) -> None:
        self._caps = caps
        self._sizes = sizes
        self._seats: dict[ServiceName, Load] = {}
        self._waiting: list[tuple[ServiceName, Load]] = []

    def enter(self, service: ServiceName, leg: Leg) -> bool:
        """Have the seat that a leg needs; False = it waits, for ever if no cap has room for it alone."""
        if leg.seat is Seat.NONE or service in self._seats:
            return True
        seat = seat_size(self._sizes.get(service, ONE), leg.seat)
        if self._lack(Load(), seat):
            return False
        self._waiting.append((service, seat))
        return service in self._let_in()

    def leave(self, service: ServiceName) -> list[ServiceName]:
        """Give a seat back; gives those who have one now."""
        self._seats.pop(service, None)
        return self._let_in()

    def _let_in(self) -> list[ServiceName]:
        found = []
        while self._waiting and not self._lack(self._taken(), self._waiting[0][1]):
            service, seat = self._waiting.pop(0)
            self._seats[service] = seat
            found.append(service)
        return found

    def _taken(self) -> Load:
        seats = self._seats.values()
        return Load(0, sum(seat.domains for seat in seats), sum(seat.instances for seat in seats))

    def _lack(self, taken: Load, seat: Load) -> bool:
        return any(lacks(caps, taken, seat) is not None for caps in self._caps)
