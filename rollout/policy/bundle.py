"""The bundle: a policy with everything it names, read once, so that nothing changes under a running rollout."""

import hashlib
from dataclasses import dataclass
from typing import Literal

from rollout.errors import Problem
from rollout.policy.cscfg import Configuration
from rollout.policy.model.change import Slot
from rollout.policy.model.fleet import Fleet
from rollout.policy.model.policy import Policy
from rollout.policy.tree import Loc, Place, Value, find, parse_path


def digest_of(data: bytes) -> str:
    """Give the SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class Source:
    """A document as it was read."""

    role: Literal["policy", "extends", "fleet"]
    file: str
    data: bytes
    digest: str


@dataclass(frozen=True, slots=True)
class ServiceFiles:
    """What one service gets, placeholders filled in; None where the change has no such thing."""

    service: str
    label: str
    package: str | None = None
    configuration: Configuration | None = None
    rollback_package: str | None = None
    rollback_configuration: Configuration | None = None
    capture_container: str | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """A policy that is right, its fleet, and the files of every service in rollout order."""

    policy: Policy
    fleet: Fleet
    services: tuple[ServiceFiles, ...]
    sources: tuple[Source, ...]
    """Policy first, then `extends` and the fleet file where there are such."""
    policy_tree: Value
    fleet_tree: Value | None
    """None when the fleet stands in the policy."""

    @property
    def slot(self) -> Slot:
        """Give the slot that is changed: what the change says, else what the fleet says."""
        return slot_of(self.policy, self.fleet)

    def place(self, path: str | Loc) -> Place:
        """Give file, line and column of `health.checks[0]` or `fleet.services.web-01`."""
        return self._find(path)[0]

    def problem(self, path: str | Loc, message: str) -> Problem:
        """Say what is wrong at a path, for checks that come after loading."""
        place, written = self._find(path)
        return place.problem(message, written)

    def _find(self, path: str | Loc) -> tuple[Place, Loc]:
        loc = parse_path(path) if isinstance(path, str) else path
        if self.fleet_tree is not None and loc[:1] == ("fleet",) and len(loc) > 1:
            return find(self.fleet_tree, loc[1:])
        return find(self.policy_tree, loc)


def values_of(policy: Policy, fleet: Fleet, service: str) -> dict[str, str]:
    """Give what a service's placeholders stand for."""
    values = {"service": service, "slot": slot_of(policy, fleet), "rollout": policy.rollout}
    return values | {f"tag.{key}": value for key, value in fleet.services[service].tags.items()}


def slot_of(policy: Policy, fleet: Fleet) -> Slot:
    """Give the slot that is changed: what the change says, else what the fleet says.

    A swap is about the deployment in staging: it carries the release that production is to run.
    """
    change = policy.change.upgrade or policy.change.configure
    if policy.change.swap is not None:
        return "staging"
    return change.slot if change is not None and "slot" in change.model_fields_set else fleet.slot
