"""The identities of things: rollouts, services, slots, streams and moments."""

import hashlib
from enum import StrEnum
from typing import NewType

import msgspec

from rollout.errors import InvariantBroken

RolloutId = NewType("RolloutId", str)
ServiceName = NewType("ServiceName", str)
StreamName = NewType("StreamName", str)
Digest = NewType("Digest", str)
"""SHA-256 of a payload as 64 lower-case hex digits; the payload itself lies in the state directory's blobs."""

ENGINE = "engine"
"""The actor of what the engine notes by itself."""
POLICY = "policy"
"""The actor of what the policy demands, such as going back after a failure."""


ENGINE_STREAM = StreamName("@engine")
"""The stream of what concerns every rollout; no rollout's id begins so."""


def digest_of(payload: bytes) -> Digest:
    """Name a payload."""
    return Digest(hashlib.sha256(payload).hexdigest())


class Slot(StrEnum):
    """Where a deployment stands; the API's own two words."""

    PRODUCTION = "production"
    STAGING = "staging"


class Now(msgspec.Struct, frozen=True):
    """One moment, twice.

    `t` is engine seconds: it never goes back and does not advance while no engine runs, so gates, bakes and timeouts
    count in it. `wall` is POSIX seconds UTC and serves windows, approvals and people only.
    """

    t: float
    wall: float


class Target(msgspec.Struct, frozen=True):
    """One service and slot; `deployment` is known once it has been looked at.

    A slot means another deployment after a swap, so calls prefer the deployment's name when they have it.
    """

    subscription: str
    service: ServiceName
    slot: Slot
    deployment: str | None = None


def standing_in(target: Target, slot: Slot) -> Target:
    """Name whatever stands in a slot of the same service."""
    return Target(target.subscription, target.service, slot)


def service_stream(rollout: RolloutId, service: ServiceName, attempt: int) -> StreamName:
    """Name the stream of one attempt at one service: `<rollout>/<service>#<attempt>`, attempts count from 1."""
    return StreamName(f"{rollout}/{service}#{attempt}")


def rollout_stream(rollout: RolloutId) -> StreamName:
    """Name the stream of the rollout itself: its id, which holds neither `/` nor `#`."""
    return StreamName(rollout)


def is_service_stream(stream: StreamName) -> bool:
    """Tell a service's stream from a rollout's."""
    return "/" in stream


def is_rollout_stream(stream: StreamName) -> bool:
    """Tell a rollout's stream from a service's and from the engine's own."""
    return "/" not in stream and stream != ENGINE_STREAM


def parse_service_stream(stream: StreamName) -> tuple[RolloutId, ServiceName, int]:
    """Take `<rollout>/<service>#<attempt>` apart."""
    rollout, slash, rest = stream.partition("/")
    service, hash_mark, attempt = rest.rpartition("#")
    if not (slash and hash_mark and rollout and service and attempt.isdecimal()):
        message = f"{stream!r} is not the stream of a service"
        raise InvariantBroken(message)
    return RolloutId(rollout), ServiceName(service), int(attempt)
