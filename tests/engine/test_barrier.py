"""Staging is upgraded everywhere in a wave before the first swap, within the wave's caps."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rollout.core.compile import compile_bundle
from rollout.emulator.fleet import SUBSCRIPTION, FleetPlan, configuration
from rollout.policy.load import load_policy
from rollout.simulation.world import World, carry_out

POLICY = """
rollout: web-2.4.1
change:
  upgrade: {{slot: staging, package: "https://relstore.blob.example/web.cspkg", configuration: web.cscfg, label: web-2}}
  swap: {{bake: 1m, barrier: {barrier}}}
fleet: {{subscription: {subscription}, services: {{svc-0001: {{}}, svc-0002: {{}}, svc-0003: {{}}}}}}
waves: [{{name: a, select: 2, max_parallel: 1}}, {{name: b, select: rest}}]
health: {{stable_duration: 10s, retry_timeout: 30s, interval: 5s}}
"""


@pytest.mark.parametrize(
    ("barrier", "order"),
    [
        ("none", "u1 s1 u2 s2 u3 s3"),
        ("wave", "u1 u2 s1 s2 u3 s3"),
        ("rollout", "u1 u2 u3 s1 s2 s3"),
    ],
)
def test_a_swap_waits_for_its_group_and_the_caps_hold_on_both_sides(
    tmp_path: Path, make_world: Callable[..., World], barrier: str, order: str
) -> None:
    (tmp_path / "web.cscfg").write_bytes(configuration("web", "web-2", 2))
    (tmp_path / "policy.yaml").write_text(POLICY.format(subscription=SUBSCRIPTION, barrier=barrier))
    plan = compile_bundle(load_policy(tmp_path / "policy.yaml"))
    world = World(make_world().make_kit, FleetPlan(3, 2, staging=True))
    result = world.live(lambda parts: carry_out(parts, plan)).result
    assert result is not None
    assert (result.outcome, result.code) == ("succeeded", 0)
    seen = [f"{entry.verb[0]}{entry.service[-1]}" for entry in world.log() if entry.verb in {"upgrade", "swap"}]
    assert sorted(seen) == sorted(order.split())
    if barrier != "rollout":
        assert seen == order.split()
    else:
        assert [each[0] for each in seen] == list("uuusss")
