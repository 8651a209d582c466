"""What a call of ours puts on a deployment: read from durable intents, looked for in the fabric's own releases."""

from collections.abc import Callable
from dataclasses import dataclass, field

from rollout.core.event import Intended
from rollout.core.names import Digest
from rollout.core.operation import Create, StartConfigure, StartUpgrade, token_of
from rollout.emulator.fabric_state import Change, Instance, Release

Payload = Callable[[Digest], bytes]
"""Gives a stored document."""


@dataclass(frozen=True, slots=True)
class Mark:
    """By what an update is known: the token at the end of its Label, or the bytes of its configuration."""

    token: str | None = None
    configuration: bytes = b""
    role: str | None = None
    """Only the instances of this role are updated; None = all."""

    def __str__(self) -> str:
        return self.token or "the new configuration"

    def borne_by(self, release: Release) -> bool:
        """Tell whether a release is what the update brings."""
        if self.token is not None:
            return release.label.endswith(self.token)
        return as_shown(release.configuration) == self.configuration

    def concerns(self, instance: Instance) -> bool:
        """Tell whether the update is about an instance."""
        return self.role in {None, instance.role}


@dataclass(slots=True)
class Marks:
    """The marks of one attempt, in the order of their intents, each direction apart."""

    forward: list[Mark] = field(default_factory=list)
    back: list[Mark] = field(default_factory=list)
    running: Mark | None = None
    """That of the update which took effect last."""

    def add(self, mark: Mark, *, back: bool) -> None:
        """Note one more."""
        (self.back if back else self.forward).append(mark)

    def own(self, change: Change | None) -> bool:
        """Tell whether an update in progress is one of these, in whichever direction it goes."""
        return change is not None and any(mark.borne_by(change.new) for mark in (*self.forward, *self.back))

    def new(self, release: Release) -> Mark | None:
        """Give the mark of the way forward that a release bears, if it bears one."""
        return next((mark for mark in self.forward if mark.borne_by(release)), None)


def mark_of(intent: Intended, payload: Payload) -> Mark | None:
    """Give the mark of what an intent begins; None = it begins no update."""
    match intent.operation:
        case StartUpgrade(label=label, role=role):
            return Mark(token_of(label), role=role)
        case Create(label=label):
            return Mark(token_of(label))
        case StartConfigure(configuration=digest):
            return Mark(configuration=as_shown(payload(digest)))
        case _:
            return None


def as_shown(configuration: bytes) -> bytes:
    """Give a configuration with its lines ended as replies end them."""
    return configuration.replace(b"\r\n", b"\n")
