"""What storms share: the policies of `cases/`, staged as `rollout rehearse` stages them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rollout.assembly import make_kit
from rollout.engine.clock import Clock
from rollout.engine.kit import Kit
from rollout.engine.streams import RolloutLedger
from rollout.platforms.platform import Platform
from rollout.policy.load import load_policy
from rollout.settings import RunSettings
from rollout.simulation.stage import LaneName, Stage, staged
from rollout.simulation.weather import Profile

CASES = Path(__file__).parent / "cases"
SETTINGS = RunSettings("https://rehearsal.invalid", CASES)
"""No loopback, so that the pace is the one of a real subscription."""


@pytest.fixture(scope="session")
def stage_of() -> Callable[..., Stage]:
    """Stage `cases/<name>.yaml`; `around` lays something around the engine's parts."""

    def make(
        name: str = "storm",
        profile: str = "storm",
        *,
        domains: int = 3,
        lane: LaneName = LaneName.DIRECT,
        around: Callable[[Kit], Kit] = lambda kit: kit,
    ) -> Stage:
        def put_together(ledger: RolloutLedger, platform: Platform, clock: Clock, draw: Callable[[], float]) -> Kit:
            return around(make_kit(SETTINGS, ledger, platform, clock, draw))

        bundle = load_policy(CASES / f"{name}.yaml")
        return staged(bundle, put_together, Profile(profile), domains=domains, instances=domains, lane=lane)

    return make
