"""The stage: what is rehearsed, on which fleet, in which weather."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from rollout.core.change_plan import StatusPlan, SwapPlan, configuration_sent, updates
from rollout.core.compile import Compiled, compile_bundle
from rollout.core.names import Digest, digest_of
from rollout.core.plan import ServicePlan
from rollout.emulator.durations import Recorded
from rollout.policy.bundle import Bundle
from rollout.simulation.history import History
from rollout.simulation.weather import Profile
from rollout.simulation.world import KitMaker

SAFETY_S: Final = 6 * 3600.0
"""How long a storm lasts."""
P95: Final = 0.95
SHUT_S: Final = 4 * 86_400.0
"""No window of a working week is further away."""
SECRET_CHARS_MIN: Final = 8
"""A shorter value of a query would be found by chance."""


class LaneName(StrEnum):
    """What lies between engine and fleet."""

    DIRECT = "direct"
    """Nothing: quick, and blind to bytes."""
    HTTP = "http"
    """The real client, the emulator's server and every byte between them."""


class Approve(StrEnum):
    """Whether somebody approves what a policy wants approved."""

    NEVER = "never"
    """Nobody: the rollout waits for a person."""
    DRAWN = "drawn"
    """Somebody of the group, after a drawn part of the time they have."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What is rehearsed, on which fleet, in which weather. `instances` are of each role."""

    compiled: Compiled
    configurations: Mapping[Digest, bytes]
    make_kit: KitMaker
    profile: Profile
    domains: int
    instances: int
    lane: LaneName = LaneName.DIRECT
    history: History = field(default_factory=History)
    """How long these services took before."""
    time_scale: float = 1.0
    """How many times faster the emulated service works than the recorded one."""
    mute: Mapping[str, str] = field(default_factory=dict)
    """Checks that nobody may ask, by name, and why: they are unknown in every run."""
    secrets: tuple[str, ...] = ()
    """What must not be found in any entry."""
    approve: Approve = Approve.DRAWN

    def slow_s(self, recorded: Recorded) -> float:
        """Give how long something takes that only one in twenty exceeds."""
        return recorded.at(P95) / self.time_scale

    @property
    def bound_s(self) -> float:
        """The sum of the rollout's own limits: in calm weather it has ended, or waits for a person, by then."""
        total = 0.0
        for wave in self.compiled.plan.waves:
            members = [each for each in self.compiled.services if each.service in wave.services]
            rounds = ceil(len(members) / wave.max_parallel)
            total += 0.0 if wave.windows is None else rounds * SHUT_S
            total += rounds * max((self._service_s(each) for each in members), default=0.0)
            total += 0.0 if wave.approval is None else wave.approval.within_s
        total += 0.0 if self.compiled.plan.approval is None else self.compiled.plan.approval.within_s
        return total + SAFETY_S

    def _service_s(self, plan: ServicePlan) -> float:
        forward_s, change = 0.0, plan.change
        if updates(change) is not None:
            forward_s += plan.begin_timeout_s + 2 * self.domains * plan.walk.domain_timeout_s
            forward_s += plan.walk.bake_before_last_s
        if isinstance(change, SwapPlan):
            forward_s += 2 * plan.swap_timeout_s + change.bake_s
        if isinstance(change, StatusPlan):
            forward_s += 2 * plan.status_timeout_s + plan.walk.domain_timeout_s
        return min(plan.timeout_s, forward_s) + 2 * plan.rollback.bound_s(self.domains)


def staged(
    bundle: Bundle,
    make_kit: KitMaker,
    profile: Profile,
    *,
    domains: int,
    instances: int,
    lane: LaneName = LaneName.DIRECT,
    history: History | None = None,
    time_scale: float = 1.0,
) -> Stage:
    """Compile a bundle for rehearsals; raises NotSupportedYet for what cannot be run."""
    compiled = compile_bundle(bundle)
    payloads = {digest_of(payload): payload for payload in compiled.payloads}
    wanted = {configuration_sent(plan.change) for plan in compiled.services}
    configurations = {digest: payloads[digest] for digest in wanted if digest is not None}
    named = (
        each for files in bundle.services for each in (files.package, files.rollback_package, files.capture_container)
    )
    packages = {each for each in named if each is not None}
    secrets = tuple(sorted({secret for package in packages for secret in _secrets(package)}))
    return Stage(
        compiled=compiled,
        configurations=configurations,
        make_kit=make_kit,
        profile=profile,
        domains=domains,
        instances=instances,
        lane=lane,
        history=history or History(),
        time_scale=time_scale,
        secrets=secrets,
    )


def _secrets(package: str) -> Iterator[str]:
    """Give what a URL carries that is nobody's business: the values of its query."""
    for _, value in parse_qsl(urlsplit(package).query):
        if len(value) >= SECRET_CHARS_MIN:
            yield value
