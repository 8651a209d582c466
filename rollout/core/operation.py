"""What a platform can be asked to do to one deployment. Plain data; payloads are named by digest."""

import hashlib
from enum import StrEnum

import msgspec

from rollout.core.names import Digest, RolloutId, ServiceName

USER_LABEL_CHARS_MAX = 82
"""The API takes 100 characters of label; the attempt token and its margin take the rest."""


class RollbackMode(StrEnum):
    """Who walks the domains back: the platform (auto) or the engine (manual)."""

    AUTO = "auto"
    MANUAL = "manual"


class StartUpgrade(msgspec.Struct, frozen=True, tag="upgrade"):
    """Start an in-place upgrade with Mode=Manual; no instance changes before the first walk."""

    package: Digest
    """The blob with the package's URL, which may carry a signature and so never enters an entry."""
    configuration: Digest
    label: str
    """The user's label, ended by this attempt's token."""
    instance_counts: dict[str, int]
    """Instances for each role, as running before the change; they replace the counts of the configuration."""
    force: bool = False
    role: str | None = None
    """Only this role; None = all."""


class Walk(msgspec.Struct, frozen=True, tag="walk"):
    """Update one upgrade domain of the change in progress (domains count from 0)."""

    domain: int


class RollBack(msgspec.Struct, frozen=True, tag="rollback"):
    """Take the change in progress back; possible only until the last walk is accepted."""

    mode: RollbackMode = RollbackMode.AUTO


Operation = StartUpgrade | Walk | RollBack


def describe(operation: Operation) -> str:
    """Name an operation for people: `upgrade`, `walk of domain 3`, `rollback`."""
    match operation:
        case StartUpgrade():
            return "upgrade"
        case Walk(domain=domain):
            return f"walk of domain {domain}"
        case RollBack():
            return "rollback"


def attempt_token(rollout: RolloutId, service: ServiceName, attempt: int, number: int) -> str:
    """Give the mark by which a lost upgrade is recognised in the deployment's Label.

    The API has no idempotency key; the Label shows the new text from acceptance on, so it carries one of ours.
    """
    digest = hashlib.sha256(f"{rollout}\n{service}\n{attempt}\n{number}".encode()).hexdigest()
    return f"[ro:{digest[:12]}]"


def token_of(label: str) -> str:
    """Give the attempt token a label ends with."""
    return label.rpartition(" ")[2]
