"""When each wave opened, waited for an approval, was watched, and had its last end."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rollout.core import fleet_event
from rollout.core.names import ServiceName
from rollout.core.plan import RolloutPlan
from rollout.journal.journal import Recorded


@dataclass(slots=True)
class Moments:
    """Of one wave, in POSIX seconds. `left` are the services that have not ended."""

    left: set[ServiceName]
    opened_at: float | None = None
    ended_at: float | None = None
    asked: list[tuple[float, float]] = field(default_factory=list)
    watched: list[tuple[float, float]] = field(default_factory=list)
    _asked_at: float | None = None
    _watched_at: float | None = None

    def ask(self, at: float | None, until_at: float) -> None:
        """Begin to wait for an approval (`at`), or end it at `until_at`."""
        if self._asked_at is not None:
            self.asked.append((self._asked_at, until_at))
        self._asked_at = at

    def watch(self, at: float | None, until_at: float) -> None:
        """Begin to be watched (`at`), or end it at `until_at`."""
        if self._watched_at is not None:
            self.watched.append((self._watched_at, until_at))
        self._watched_at = at


def moments_of(plan: RolloutPlan, records: Sequence[Recorded], until_at: float) -> dict[str, Moments]:
    """Give the moments of every wave; what goes on is drawn up to `until_at`. The rollout's own word is its first's."""
    found = {wave.name: Moments(set(wave.services)) for wave in plan.waves}
    wave_of = {service: wave.name for wave in plan.waves for service in wave.services}
    for each in records:
        at = each.entry.now.wall
        match each.entry.fact:
            case fleet_event.WaveOpened(wave=wave):
                found[wave].opened_at = at
            case fleet_event.ServiceEnded(service=service):
                found[wave_of[service]].left.discard(service)
                found[wave_of[service]].ended_at = at
            case fleet_event.ServiceReopened(service=service):
                found[wave_of[service]].left.add(service)
            case fleet_event.ApprovalAsked(scope=scope):
                found[scope or plan.waves[0].name].ask(at, at)
            case fleet_event.Approved(scope=scope) | fleet_event.Rejected(scope=scope):
                found[scope or plan.waves[0].name].ask(None, at)
            case fleet_event.BakeBegan(wave=wave):
                found[wave].watch(at, at)
            case fleet_event.BakeEnded(wave=wave) | fleet_event.BakeFailed(wave=wave):
                found[wave].watch(None, at)
            case fleet_event.Halted() | fleet_event.Aborted():
                for moments in found.values():
                    moments.watch(None, at)
            case _:
                pass
    for moments in found.values():
        moments.ask(None, until_at)
        moments.watch(None, until_at)
    return found
