"""A plan's three courses (best, expected, latest), each drawn and played by the same rules. Pure."""

from collections.abc import Mapping

import msgspec

from rollout.core.caps import Load
from rollout.core.ending import Outcome
from rollout.core.estimate import DOMAINS_ASSUMED
from rollout.core.freeze import Freeze
from rollout.core.names import ServiceName
from rollout.core.plan import RolloutPlan, ServicePlan
from rollout.planning.caps import Shared, services_room
from rollout.planning.legs import Leg, Seat, legs, takes_whole
from rollout.planning.line import seat_size
from rollout.planning.schedule import scheduled
from rollout.planning.sighted import Sighted, Standing
from rollout.planning.spans import Schedule, Terms
from rollout.planning.timing import Case, Timings
from rollout.planning.turns import Paces
from rollout.simulation.history import History

BEFORE = {Standing.UNCHANGED: Outcome.UNCHANGED, Standing.BLOCKED: Outcome.SKIPPED}


class Given(msgspec.Struct, frozen=True):
    """All that a forecast is made of."""

    plan: RolloutPlan
    services: tuple[ServicePlan, ...]
    begins_wall: float
    sights: Mapping[ServiceName, Sighted] = {}
    """Of those that were looked at."""
    history: History = History()
    paces: Paces = Paces()
    shared: tuple[Shared, ...] = ()
    freeze: Freeze | None = None

    def domains(self, service: ServiceName) -> int:
        """Give the upgrade domains of a service, or what is assumed of one that was not seen."""
        sight = self.sights.get(service)
        return sight.domains or DOMAINS_ASSUMED if sight is not None else DOMAINS_ASSUMED

    def size(self, service: ServiceName) -> Load:
        """Give all domains of a service, and all instances; 0 = nobody has counted them."""
        sight = self.sights.get(service)
        instances = sight.instances if sight is not None else None
        return Load(domains=self.domains(service), instances=instances or 0)

    def seat(self, plan: ServicePlan) -> Load:
        """Give the most that a service takes down at once."""
        whole = takes_whole(plan.change)
        return seat_size(self.size(plan.service), Seat.WHOLE if whole else Seat.DOMAIN)


class Forecast(msgspec.Struct, frozen=True):
    """One case: every service's legs, and all of it in time."""

    ways: Mapping[ServiceName, tuple[Leg, ...]]
    schedule: Schedule

    def took_s(self, service: ServiceName) -> float:
        """Give how long a service is under way if it waits for nobody."""
        return sum(leg.seconds for leg in self.ways.get(service, ()))


def forecast(given: Given, case: Case) -> Forecast:
    """Draw and play one case."""
    timings = Timings(case, given.history)
    standings = {name: sight.standing for name, sight in given.sights.items()}
    unfit = {name: BEFORE[standing] for name, standing in standings.items() if standing in BEFORE}
    ways = {}
    for plan in given.services:
        if plan.service not in unfit:
            sight = given.sights.get(plan.service)
            empty = sight is not None and sight.empty
            ways[plan.service] = legs(plan, given.domains(plan.service), timings, empty=empty)
    terms = Terms(
        given.begins_wall,
        given.paces,
        services_room(given.shared),
        tuple(each.caps for each in given.shared),
        {plan.service: given.size(plan.service) for plan in given.services},
        given.freeze,
        late_approvals=case is Case.LATEST,
    )
    return Forecast(ways, scheduled(given.plan, ways, unfit, terms))
