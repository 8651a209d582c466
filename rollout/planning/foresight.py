"""The forecast that is kept with a submission: made from the looks that it takes anyway, so it costs no call."""

from collections.abc import Mapping

import msgspec

from rollout.core.compile import Compiled
from rollout.core.foreseen import Foreseen, WaveForeseen
from rollout.core.names import ServiceName, digest_of
from rollout.core.outcome import Unreachable
from rollout.core.snapshot import Observation
from rollout.planning.ask import Known, Subject, planned
from rollout.planning.document import PlanDocument
from rollout.planning.look import Shelf, with_key
from rollout.planning.sighted import Sight
from rollout.policy.bundle import Bundle
from rollout.settings import RunSettings


class Foresight:
    """Forecasts as `rollout plan` does; a `rollout.assembly.Foresee`."""

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings

    async def __call__(
        self, bundle: Bundle, compiled: Compiled, seen: Mapping[ServiceName, Observation], wall: float
    ) -> tuple[bytes, Foreseen]:
        """Give the plan's document and what of it is shown all the time. Raises StateUnusable."""

        async def look(known: Known) -> Mapping[ServiceName, Sight]:
            return await _sights(compiled, seen, known)

        subject = Subject(bundle, compiled, self._settings.of(bundle.fleet.subscription), wall)
        return foreseen_in(await planned(subject, look))


def foreseen_in(document: PlanDocument) -> tuple[bytes, Foreseen]:
    """Give a plan as it is kept, and what of it stands in the rollout's first fact."""
    text = msgspec.json.encode(document)
    waves = {wave.wave: WaveForeseen(wave.opens_s, wave.ends_s) for wave in document.waves}
    digest = digest_of(text)
    return text, Foreseen(digest, waves, document.finish.expected_s)


async def _sights(
    compiled: Compiled, seen: Mapping[ServiceName, Observation], known: Known
) -> dict[ServiceName, Sight]:
    shelf, found = Shelf(compiled.payloads), {}
    for plan in compiled.services:
        look = seen[plan.service]
        if not isinstance(look, Unreachable):
            found[plan.service] = await with_key(plan, Sight(look, known=known.get(plan.service)), shelf)
    return found
