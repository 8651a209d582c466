"""What an engine knows, from memory: rollouts, services, and all that decisions about them depend on."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from prometheus_client import CollectorRegistry
from structlog.typing import FilteringBoundLogger

from rollout.assembly import Admitted
from rollout.core.admission import Scene
from rollout.core.around import Around
from rollout.core.compile import Compiled
from rollout.core.fleet_state import RolloutState
from rollout.core.freeze import Freeze
from rollout.core.names import Now, RolloutId, ServiceName, StreamName
from rollout.core.result import Result
from rollout.core.service import ServiceRollout
from rollout.core.summary import summarize
from rollout.core.witnessed import Witnessed
from rollout.engine.bus import Bus
from rollout.engine.engine import Engine
from rollout.engine.kit import Kit
from rollout.engine.streams import newest_attempts
from rollout.errors import UsageError
from rollout.journal.journal import Journal, Recorded
from rollout.policy.bundle import Bundle
from rollout.settings import RunSettings

CLOSED_KEPT_MAX: Final = 20
"""Closed rollouts whose services stay in memory; older ones are read from the journal when somebody asks."""

Admit = Callable[[Bundle, str], Awaitable[Admitted]]
"""Opens a bundle's rollout for a person, or finds it."""


class Exchanges(Protocol):
    """Knows how calls were sent and answered; each gives them oldest first."""

    def of(self, stream: StreamName) -> Awaitable[Sequence[Witnessed]]:
        """Give those of one attempt at a service."""
        ...

    def gone_wrong(self, rollout: RolloutId) -> Awaitable[Sequence[Witnessed]]:
        """Give those of a rollout that did not go well."""
        ...


class TakeBack(Protocol):
    """Opens the rollout that takes an ended one back, or finds it."""

    def __call__(self, rollout: RolloutId, reason: str, *, who: str, partial: bool) -> Awaitable[RolloutId]:
        """Raise CommandRefused, EndpointUnreachable; `partial` leaves out what cannot be taken back."""
        ...


@dataclass(frozen=True, slots=True)
class Works:
    """The engine a host runs, from inside."""

    engine: Engine
    kit: Kit
    journal: Journal
    compile: Callable[[Bundle], Compiled]
    admit: Admit
    take_back: TakeBack
    metrics: CollectorRegistry
    logger: FilteringBoundLogger
    settings: RunSettings
    exchanges: Exchanges


class Knowledge:
    """Reads the ledger of an engine; no disk is asked, but by `recall` and `entries`."""

    def __init__(self, works: Works) -> None:
        self.works = works
        self.journal = works.journal
        self.metrics = works.metrics
        self.bus = Bus(position=0)
        self._engine = works.engine
        self._ledger = works.kit.ledger
        self.forgetting: list[Callable[[RolloutId], None]] = []
        """Hear of a closed rollout whose services are kept in memory no longer."""
        self._recent: OrderedDict[RolloutId, None] = OrderedDict()

    def now(self) -> Now:
        """Give the present moment."""
        return self.works.kit.clock.now()

    @property
    def position(self) -> int:
        """The journal's last position of which anybody was told."""
        return self.bus.position

    def rollouts(self) -> Mapping[RolloutId, RolloutState]:
        """Give all rollouts, in the order in which they were opened."""
        return self._ledger.rollouts()

    def rollout(self, rollout: RolloutId) -> RolloutState:
        """Give one rollout; raises UsageError where there is none."""
        if (state := self._ledger.rollout(rollout)) is None:
            raise UsageError(f"there is no rollout {rollout}; `rollout list` names them")
        return state

    def services(self, rollout: RolloutId) -> Mapping[ServiceName, ServiceRollout]:
        """Give the newest attempts in fleet order; none of a closed rollout that is not in memory: `recall` has it."""
        self.rollout(rollout)
        streams = list(newest_attempts(self._ledger, rollout))
        found = {service: self._ledger.service(stream) for service, stream in streams}
        return {service: state for service, state in found.items() if state is not None} if all(found.values()) else {}

    async def recall(self, rollout: RolloutId) -> Mapping[ServiceName, ServiceRollout]:
        """Give the newest attempts in fleet order, from the journal where memory has let go of them."""
        if self.rollout(rollout).closed is not None:
            self.keep_in_memory(rollout)
            for _, stream in newest_attempts(self._ledger, rollout):
                await self._ledger.recall(stream)
        return self.services(rollout)

    async def entries(self, stream: StreamName) -> Sequence[Recorded]:
        """Give what is durable of one stream."""
        return await self._ledger.entries(stream)

    def around(self, rollout: RolloutId) -> Around:
        """Give what decisions about a rollout depend on besides itself."""
        if self.rollout(rollout).closed is not None:
            return Around(freeze=self.freeze())  # nothing is decided about it any more
        return self._engine.around(rollout)

    def scene(self, rollout: RolloutId) -> Scene:
        """Give all that decisions about a rollout depend on."""
        now = self.now()
        summaries = {name: summarize(each, now) for name, each in self.services(rollout).items()}
        return Scene(self.rollout(rollout), summaries, now, self.around(rollout))

    def freeze(self) -> Freeze | None:
        """Give the freeze that holds now."""
        return self._ledger.engine().freeze_at(self.now())

    def result(self, rollout: RolloutId, *, strict_exit: bool = False) -> Result | None:
        """Judge a rollout that is over or that only people move on; None = it moves on by itself."""
        closed = self.rollout(rollout).closed is not None
        if not (closed or self._engine.rests(rollout)) or not self.services(rollout):
            return None
        return self._engine.result(rollout, strict_exit=strict_exit)

    def keep_in_memory(self, rollout: RolloutId) -> None:
        """Keep the services of a closed rollout, and let go of those that nobody asked for for longest."""
        self._recent[rollout] = None
        self._recent.move_to_end(rollout)
        while len(self._recent) > CLOSED_KEPT_MAX:
            gone, _ = self._recent.popitem(last=False)
            self._ledger.let_go(gone)
            for hear in self.forgetting:
                hear(gone)
