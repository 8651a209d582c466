"""The desk: what every handler works with. It makes what people are shown from memory, and anew only where needed."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Final

import msgspec

from rollout.core.admission import Scene
from rollout.core.fleet_state import RolloutState, Summary
from rollout.core.names import Now, RolloutId, ServiceName, StreamName, parse_service_stream
from rollout.core.phase import Queued
from rollout.core.service import ServiceRollout
from rollout.core.summary import summarize
from rollout.daemon.auth.sessions import Sessions
from rollout.daemon.http.limits import HttpLimits
from rollout.daemon.http.problem import Refused
from rollout.daemon.http.static import Files
from rollout.daemon.http.streams import Streams
from rollout.daemon.http.written import Written
from rollout.daemon.site import Site
from rollout.engine.streams import newest_attempt
from rollout.views.head import RolloutHead, head_of
from rollout.views.reading import Read
from rollout.views.service import ServiceView, service_view

FRESH_S: Final = 1.0
"""What was made of a state that has not changed since is shown again for so long; only its durations are older."""
SUMMED_S: Final = 5.0
"""The same for what the fleet knows of a service, in which time hardly ever changes anything."""
TOGETHER_S: Final = 0.1
"""Whoever asks within so short a time is shown the same, unless somebody changed something through this API."""
READS_MAX: Final = 500
AT_ONCE: Final = 50
"""So many rows are made before others have their turn."""
KEPT_MAX: Final = 50_000

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}")


class _Made(msgspec.Struct, frozen=True):
    """What was made of one state of a service, and when."""

    state: ServiceRollout
    at_t: float
    summary: Summary
    row_t: float = 0.0
    row: ServiceView | None = None


class Desk:
    """Reads one host."""

    def __init__(self, site: Site, limits: HttpLimits, files: Files, openapi: Mapping[str, Any]) -> None:
        self.site = site
        self.files = files
        self.openapi = openapi
        self.host = site.host
        self.limits = limits
        self.sessions = Sessions(site.tokens)
        self.streams = Streams(limits.streams, limits.streams_per_token)
        self.written = Written()
        self.planning = asyncio.Lock()
        """Held while a plan is made: it takes the processor for a while, and reads from the same pace."""
        self._reads: dict[RolloutId, tuple[int, Read]] = {}
        self._heads: dict[RolloutId, tuple[Read, RolloutHead]] = {}
        self._made: dict[StreamName, _Made] = {}
        self._waves: dict[RolloutId, tuple[RolloutState, dict[ServiceName, str]]] = {}
        self.host.forgetting.append(self._forget)

    # --- reading ---

    def read(self, rollout: str, since: int = 0) -> Read:
        """Read a rollout from memory, with all that was recorded up to position `since`. Raises Refused (404)."""
        own, now = RolloutId(rollout), self.host.now()
        kept = self._reads.get(own)
        if kept is not None and kept[0] >= since and 0 <= now.t - kept[1].now.t < TOGETHER_S:
            return kept[1]
        state = self.host.works.kit.ledger.rollout(own) if _NAME.fullmatch(rollout) else None
        if state is None:
            raise Refused(404, f"there is no rollout {rollout[:80]}", instead="GET /v1/rollouts names them")
        services = self.host.services(own)
        summaries = {name: self._known(each, now).summary for name, each in services.items()}
        trouble = self.host.trouble_of(own)
        read = Read(state, services, now, now, around=self.host.around(own), summaries=summaries, trouble=trouble)
        if len(self._reads) >= READS_MAX:
            self._reads.clear()
        self._reads[own] = self.host.position, read
        return read

    def forget(self) -> None:
        """Make everything anew: somebody has just changed something, and wants to see it."""
        self._reads.clear()
        self._heads.clear()
        self._made.clear()

    async def recall(self, rollout: str) -> Read:
        """Read a rollout, from the journal where memory has let go of it. Raises Refused (404)."""
        read = self.read(rollout)
        if not read.services:
            await self.host.recall(RolloutId(rollout))
            self._reads.pop(RolloutId(rollout), None)
            read = self.read(rollout)
        return read

    async def recall_service(self, rollout: str, service: str) -> tuple[Read, ServiceName]:
        """Read a rollout that has this service, with the entries of its newest attempt. Raises Refused (404)."""
        read, name = await self.recall(rollout), ServiceName(service)
        if name not in read.services:
            raise Refused(404, f"{rollout} has no service {service[:80]}", instead=f"GET /v1/rollouts/{rollout}")
        entries = await self.host.entries(read.services[name].stream)
        return msgspec.structs.replace(self.read(rollout), entries={name: entries}), name

    # --- what is shown ---

    def scene(self, read: Read) -> Scene:
        """Give what the rules of the fleet decide on."""
        return read.scene()

    def head(self, read: Read) -> RolloutHead:
        """Make a rollout's head, once for each time that it was read."""
        own = read.rollout.plan.rollout
        known = self._heads.get(own)
        if known is None or known[0] is not read:
            if len(self._heads) >= READS_MAX:
                self._heads.clear()
            known = self._heads[own] = read, head_of(read, self.scene(read))
        return known[1]

    def row(self, read: Read, name: ServiceName, scene: Scene) -> ServiceView:
        """Make a service's row."""
        made = self._known(read.services[name], read.now)
        if made.row is not None and 0 <= read.now.t - made.row_t < FRESH_S:
            return made.row
        row = service_view(read, name, scene, self.waves(read.rollout).get(name))
        self._made[made.state.stream] = msgspec.structs.replace(made, row_t=read.now.t, row=row)
        return row

    def row_of(self, rollout: RolloutId, name: ServiceName) -> ServiceView | None:
        """Make the row of one service without looking at all the others; None where memory has let go of it."""
        stream = newest_attempt(self.host.works.kit.ledger, rollout, name)
        state = self.host.works.kit.ledger.service(stream)
        if state is None:
            return None
        if isinstance(state.phase, Queued):
            read = self._with(self.read(rollout), state)  # what it waits for is a matter of all the others
            return self.row(read, name, self.scene(read))
        now = self.host.now()
        read = Read(self.host.rollout(rollout), {name: state}, now, now, around=self.host.around(rollout))
        return self.row(read, name, Scene(read.rollout, {}, now, read.around))

    def _with(self, read: Read, state: ServiceRollout) -> Read:
        """Put the newest state of one service into what was read a moment ago: a word to it may be younger."""
        name = state.plan.service
        if read.services.get(name) is state:
            return read
        summaries = {**read.summaries, name: self._known(state, read.now).summary}
        return msgspec.structs.replace(read, services={**read.services, name: state}, summaries=summaries)

    async def rows(self, read: Read, names: Iterable[ServiceName]) -> AsyncIterator[ServiceView]:
        """Make many rows, and let others have their turn meanwhile."""
        scene = self.scene(read)
        for number, name in enumerate(names, 1):
            yield self.row(read, name, scene)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)

    def waves(self, state: RolloutState) -> Mapping[ServiceName, str]:
        """Give the wave of each service."""
        own = state.plan.rollout
        known = self._waves.get(own)
        if known is None or known[0].plan is not state.plan:
            known = state, {service: wave.name for wave in state.plan.waves for service in wave.services}
            self._waves[own] = known
        return known[1]

    def _forget(self, rollout: RolloutId) -> None:
        """Keep nothing that was made of a rollout which memory has let go of."""
        self._waves.pop(rollout, None)
        self._reads.pop(rollout, None)
        self._heads.pop(rollout, None)
        for stream in [each for each in self._made if parse_service_stream(each)[0] == rollout]:
            del self._made[stream]

    def _known(self, state: ServiceRollout, now: Now) -> _Made:
        made = self._made.get(state.stream)
        if made is None or made.state is not state or not 0 <= now.t - made.at_t < SUMMED_S:
            if len(self._made) >= KEPT_MAX:
                self._made.clear()
            made = _Made(state, now.t, summarize(state, now))
            self._made[state.stream] = made
        return made
