"""What storms share: the policies of `cases/`, staged as `rollout rehearse` stages them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from rollout.assembly import make_kit
from rollout.policy.load import load_policy
from rollout.settings import RunSettings
from rollout.simulation.stage import Stage, staged
from rollout.simulation.weather import Profile
from rollout.simulation.world import KitMaker

CASES = Path(__file__).parent / "cases"
SETTINGS = RunSettings("https://rehearsal.invalid", CASES)
"""No loopback, so that the pace is the one of a real subscription."""


@pytest.fixture(scope="session")
def stage_of() -> Callable[..., Stage]:
    """Stage `cases/<name>.yaml`."""

    def make(
        name: str = "storm", profile: str = "storm", *, domains: int = 3, kit: KitMaker = partial(make_kit, SETTINGS)
    ) -> Stage:
        bundle = load_policy(CASES / f"{name}.yaml")
        return staged(bundle, kit, Profile(profile), domains=domains, instances=domains)

    return make
