"""What a platform can be asked to do to one deployment. Plain data; payloads are named by digest."""

import hashlib
from enum import StrEnum

import msgspec

from rollout.core.names import Digest, RolloutId, ServiceName

USER_LABEL_CHARS_MAX = 82
"""The API takes 100 characters of label; the attempt token and its margin take the rest."""


class Mode(StrEnum):
    """Who walks a change through the domains: the engine (manual), or the platform by itself."""

    MANUAL = "manual"
    AUTO = "auto"
    SIMULTANEOUS = "simultaneous"
    """All domains at once: an outage."""


class RollbackMode(StrEnum):
    """Who walks the domains back: the platform (auto) or the engine (manual)."""

    AUTO = "auto"
    MANUAL = "manual"


class InstanceVerb(StrEnum):
    """What can be done to one role instance."""

    REBOOT = "reboot"
    REIMAGE = "reimage"
    REBUILD = "rebuild"


class ExtensionUse(msgspec.Struct, frozen=True):
    """What becomes of one extension: of one role, or of every role (`role` None)."""

    id: str
    state: str
    role: str | None = None


class Extras(msgspec.Struct, frozen=True):
    """What an update changes beside package and configuration. `extensions` None = those it has."""

    properties: dict[str, str] = {}
    extensions: tuple[ExtensionUse, ...] | None = None


NO_EXTRAS = Extras()


class StartUpgrade(msgspec.Struct, frozen=True, tag="upgrade"):
    """Start an in-place upgrade. With Mode=Manual no instance changes before the first walk."""

    package: Digest
    """The blob with the package's URL, which may carry a signature and so never enters an entry."""
    configuration: Digest
    label: str
    """The user's label, ended by this attempt's token."""
    instance_counts: dict[str, int]
    """Instances for each role, replacing those of the configuration; a role that is not named keeps its own."""
    force: bool = False
    role: str | None = None
    """Only this role; None = all."""
    mode: Mode = Mode.MANUAL
    extras: Extras = NO_EXTRAS


class StartConfigure(msgspec.Struct, frozen=True, tag="configure"):
    """Start a change of configuration under the same package."""

    configuration: Digest
    """The whole document as it is sent."""
    key: str
    """The document's canonical digest: what the deployment shows once it has it."""
    mode: Mode = Mode.MANUAL
    treat_warnings_as_error: bool = False
    extras: Extras = NO_EXTRAS


class Create(msgspec.Struct, frozen=True, tag="create"):
    """Create and start a deployment in the empty slot of the target."""

    name: str
    package: Digest
    configuration: Digest
    label: str
    """As for an upgrade."""
    extras: Extras = NO_EXTRAS


class Walk(msgspec.Struct, frozen=True, tag="walk"):
    """Update one upgrade domain of the change in progress (domains count from 0)."""

    domain: int


class RollBack(msgspec.Struct, frozen=True, tag="rollback"):
    """Take the change in progress back; possible only until the last walk is accepted."""

    mode: RollbackMode = RollbackMode.AUTO


class SwapSlots(msgspec.Struct, frozen=True, tag="swap"):
    """Exchange what production and staging hold.

    Both are named (`production` None = that slot is empty), so that a repeat names the wrong ones and is refused.
    """

    production: str | None
    staged: str


class SetStatus(msgspec.Struct, frozen=True, tag="status"):
    """Run the deployment, or suspend it: an outage."""

    running: bool


class ActOnInstance(msgspec.Struct, frozen=True, tag="instance"):
    """Do something to one role instance. What became of it cannot be observed, so it is never repeated."""

    verb: InstanceVerb
    instance: str


class CapturePackage(msgspec.Struct, frozen=True, tag="capture"):
    """Have the platform copy package and configuration of the deployment into a container of blobs."""

    container: Digest
    """The blob with the container's URL, which may carry a signature."""


Operation = (
    StartUpgrade | StartConfigure | Create | Walk | RollBack | SwapSlots | SetStatus | ActOnInstance | CapturePackage
)


def describe(operation: Operation) -> str:
    """Name an operation for people: `upgrade`, `walk of domain 3`, `rollback`."""
    match operation:
        case StartUpgrade():
            return "upgrade"
        case StartConfigure():
            return "change of configuration"
        case Create():
            return "creation of the deployment"
        case Walk(domain=domain):
            return f"walk of domain {domain}"
        case RollBack():
            return "rollback"
        case SwapSlots():
            return "swap"
        case SetStatus(running=running):
            return "start" if running else "suspension"
        case ActOnInstance(verb=verb, instance=instance):
            return f"{verb} of {instance}"
        case CapturePackage():
            return "copy of the old package"


def attempt_token(rollout: RolloutId, service: ServiceName, attempt: int, number: int) -> str:
    """Give the mark by which a lost upgrade is recognised in the deployment's Label.

    The API has no idempotency key; the Label shows the new text from acceptance on, so it carries one of ours.
    """
    digest = hashlib.sha256(f"{rollout}\n{service}\n{attempt}\n{number}".encode()).hexdigest()
    return f"[ro:{digest[:12]}]"


def token_of(label: str) -> str:
    """Give the attempt token a label ends with."""
    return label.rpartition(" ")[2]
