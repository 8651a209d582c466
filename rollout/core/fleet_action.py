"""What a rollout as a whole needs next: imperatives for the dispatcher, which carries them out without asking why."""

import msgspec

from rollout.core.event import HoldReason
from rollout.core.names import ServiceName


class OpenWave(msgspec.Struct, frozen=True, tag="open_wave"):
    """Let the services of this wave be admitted."""

    wave: str


class Admit(msgspec.Struct, frozen=True, tag="admit"):
    """Let these services begin."""

    wave: str
    services: tuple[ServiceName, ...]


class Halt(msgspec.Struct, frozen=True, tag="halt"):
    """Start nothing new; `hold` are in flight and finish their domain's gate; the waves `back` go back after that."""

    wave: str
    reason: str
    hold: tuple[ServiceName, ...]
    back: tuple[str, ...] = ()
    overdue: bool = False
    """Its deadline is the reason."""


class TakeBack(msgspec.Struct, frozen=True, tag="take_back"):
    """Turn these services back."""

    services: tuple[ServiceName, ...]
    reason: str


class BeginBake(msgspec.Struct, frozen=True, tag="begin_bake"):
    """Watch these services, which are done; `first` = before the others of the wave begin."""

    wave: str
    first: bool
    services: tuple[ServiceName, ...]


class AskApproval(msgspec.Struct, frozen=True, tag="ask_approval"):
    """Ask people of group `by` for a word about `scope`, a wave or with an empty name the whole rollout."""

    scope: str
    by: str
    until_wall: float
    digest: str


class Release(msgspec.Struct, frozen=True, tag="release"):
    """Lift these holds: their reasons are gone."""

    holds: tuple[tuple[ServiceName, HoldReason], ...]


class OpenBarrier(msgspec.Struct, frozen=True, tag="open_barrier"):
    """Let these services swap: everybody they had to wait for is upgraded."""

    services: tuple[ServiceName, ...]
    detail: str


class CloseRollout(msgspec.Struct, frozen=True, tag="close"):
    """Every service has ended."""

    failures: int
    reason: str


FleetAction = OpenWave | Admit | Halt | TakeBack | BeginBake | AskApproval | Release | OpenBarrier | CloseRollout
