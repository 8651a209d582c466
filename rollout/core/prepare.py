"""What has to be made ready before a change begins, and what comes of it: documents the core cannot read itself."""

import msgspec

from rollout.core.names import Digest


class Order(msgspec.Struct, frozen=True):
    """A service configuration to be made: `wanted`, or else what is `deployed`, with counts and settings put in."""

    deployed: Digest | None = None
    """None = nothing is deployed there, or the platform does not show its configuration."""
    wanted: Digest | None = None
    counts: dict[str, int] = {}
    """Instances for each role; a role that is not named keeps its own."""
    settings: dict[str, str] = {}
    """`Role/Name`: value; each has to exist already."""
    container: Digest | None = None
    """The blob with the URL of the container that the running package is to be copied to."""
    private_id: str = ""
    """Of the deployment, as `Snapshot.private_id` shows it: what a copied package is called."""
    packages: tuple[Digest, ...] = ()
    """The blobs with the URLs of packages that have to be there: each is asked for, and not fetched."""


class Drawn(msgspec.Struct, frozen=True):
    """The whole document as it can be sent. `key` is its canonical digest, as `Snapshot.key` shows it."""

    document: bytes
    key: str
    captured: bytes | None = None
    """The URL at which the copied package will lie; with the container's signature, so it is a secret."""


class Unfeasible(msgspec.Struct, frozen=True):
    """It cannot be made, said for people: which role or setting is missing, what cannot be read."""

    reason: str


Preparation = Drawn | Unfeasible
