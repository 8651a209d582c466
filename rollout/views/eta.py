"""When the waves of a rollout are expected to open and to be done, moved by what has really happened so far. Pure.

A wave that has not been opened opens when the waves it needs are expected to be done, and lasts as long as the forecast
of the submission says. One that is open goes by what services of the rollout took, once enough of them are done; so
does everything of an amended rollout, and of one without a forecast. Approvals count as given at once.
"""

import msgspec

from rollout.core.admission import Scene, bakes_first
from rollout.core.estimate import EXPERIENCE_MIN, experienced_s
from rollout.core.fleet import is_done
from rollout.core.fleet_state import needed_waves
from rollout.core.plan import WavePlan
from rollout.views.reading import Read


class Eta(msgspec.Struct, frozen=True):
    """Two moments in POSIX seconds; None = it has happened, or nobody can tell."""

    opens_at: float | None = None
    ends_at: float | None = None


NOBODY_KNOWS = Eta()


def etas(read: Read, scene: Scene) -> dict[str, Eta]:
    """Give what is expected of each wave; nothing of a rollout that stands still until somebody speaks."""
    state, freeze, now = read.rollout, scene.around.freeze, read.now.wall
    unknown = dict.fromkeys((wave.name for wave in state.plan.waves), NOBODY_KNOWS)
    stands = state.closed is not None or state.halted is not None or not read.services
    if stands or (freeze is not None and freeze.until_wall is None):
        return unknown
    if freeze is not None and freeze.until_wall is not None:
        now = max(now, freeze.until_wall)
    took_s = [each.took_s for each in scene.summaries.values() if each.took_s is not None]
    return unknown | _Expecting(read, scene, now, took_s).in_order()


class _Expecting(msgspec.Struct, frozen=True):
    """Everything that the moments of one rollout follow from. `now` is when anything can move, in POSIX seconds."""

    read: Read
    scene: Scene
    now: float
    took_s: list[float]
    """What services of it took that are done."""

    def in_order(self) -> dict[str, Eta]:
        """Go through the waves; each needs only such as come before it."""
        state = self.read.rollout
        rejected = any(each.given is False for each in state.approvals.values())
        ends: dict[str, float | None] = {}
        found: dict[str, Eta] = {}
        for wave in state.plan.waves:
            before = [ends.get(each.name) for each in needed_waves(state.plan, wave)]
            if is_done(self.scene, wave):
                ends[wave.name] = self.now
            elif wave.name in state.opened:
                left_s = self._left_s(wave)
                ends[wave.name] = None if left_s is None else self.now + left_s
                found[wave.name] = Eta(None, ends[wave.name])
            elif not rejected and (lasts_s := self._lasts_s(wave)) is not None and None not in before:
                opens_at = max([self.now, *(each for each in before if each is not None)])
                ends[wave.name] = opens_at + lasts_s
                found[wave.name] = Eta(opens_at, ends[wave.name])
        return found

    def _lasts_s(self, wave: WavePlan) -> float | None:
        """Say how long a wave is expected to be open, from its opening on."""
        foreseen = self.read.rollout.foreseen
        if foreseen is not None and not self.read.rollout.amended and wave.name in foreseen.waves:
            return foreseen.waves[wave.name].lasts_s
        return self._going_s(wave)

    def _left_s(self, wave: WavePlan) -> float | None:
        """Say how long a wave that is open still goes on: by experience, else as the forecast has it."""
        lasts_s, opened_at = self._lasts_s(wave), self.read.rollout.opened.get(wave.name)
        foreseen_s = None if lasts_s is None or opened_at is None else max(opened_at + lasts_s - self.now, 0.0)
        going_s = self._going_s(wave)
        if going_s is None or (foreseen_s is not None and len(self.took_s) < EXPERIENCE_MIN):
            return foreseen_s
        # Windows are in the forecast alone: what is closed until tomorrow is not done today, however fast it goes.
        return going_s if wave.windows is None or foreseen_s is None else max(going_s, foreseen_s)

    def _going_s(self, wave: WavePlan) -> float | None:
        """Estimate from what services took, as many at a time as the wave takes, and what is still watched."""
        left = [member for member in self.scene.members(wave) if member.outcome is None]
        each_s = experienced_s(self.took_s, wave.expected_s)
        if left and each_s <= 0:
            return None
        under_way = [self.read.services[member.service] for member in left if member.admitted]
        spent_s = [self.read.now.t - state.started_t for state in under_way if state.started_t is not None]
        work_s = max(each_s * len(left) - sum(min(each, each_s) for each in spent_s), 0.0)
        return work_s / max(min(wave.max_parallel, len(left)), 1) + self._bakes_s(wave)

    def _bakes_s(self, wave: WavePlan) -> float:
        """Say how long the wave's services are still watched together."""
        state, plan = self.read.rollout, wave.bake
        if plan is None:
            return 0.0
        bake = state.bake_of(wave.name)
        first_s = plan.first_s if bakes_first(state, wave) else 0.0
        all_s = 0.0 if wave.name in state.baked else plan.all_s
        spent_s = 0.0 if bake is None else self.read.now.t - bake.began_t - bake.dark_s
        return max(first_s + all_s - max(spent_s, 0.0), 0.0)
