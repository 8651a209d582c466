"""One platform, several subscriptions: each is asked at its own endpoint, and shown its own credentials."""

import time
from pathlib import Path

from rollout.core.names import ServiceName, Slot, Target
from rollout.core.snapshot import Snapshot
from rollout.emulator.fabric import Fabric
from rollout.emulator.fleet import SUBSCRIPTION, FleetPlan, populate
from rollout.emulator.server import serve
from rollout.journal.memory import MemoryJournal
from rollout.platforms.classic.opening import open_platform
from rollout.settings import RunSettings
from rollout.settings.run import Way

OTHER = "00000000-0000-4000-8000-000000000002"


async def test_a_subscription_is_asked_at_its_own_endpoint() -> None:
    full, empty = Fabric(time.monotonic), Fabric(time.monotonic)
    populate(full, FleetPlan(1, 2))
    async with serve(full) as first, serve(empty) as second:
        ways = {SUBSCRIPTION: Way(first, None), OTHER: Way(second, None)}
        platform = open_platform(RunSettings(second, Path(), ways=ways), MemoryJournal())
        seen = await platform.observe(Target(SUBSCRIPTION.upper(), ServiceName("svc-0001"), Slot.PRODUCTION))
        assert isinstance(seen, Snapshot), seen
        # The emulator of the other one knows neither the subscription nor the service.
        other = await platform.observe(Target(OTHER, ServiceName("svc-0001"), Slot.PRODUCTION))
        assert not isinstance(other, Snapshot)
        assert platform.client(SUBSCRIPTION) is platform.client(SUBSCRIPTION.upper())
        assert platform.client(SUBSCRIPTION) is not platform.client(OTHER)
        await platform.close()
