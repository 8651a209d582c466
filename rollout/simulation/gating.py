"""S2: nothing moves on before what was changed has passed its gate, and is still well. Pure but for its own memory."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from rollout.core.change_plan import StatusPlan, SwapPlan, updates
from rollout.core.names import StreamName
from rollout.core.operation import Mode
from rollout.core.phase import Baking, Phase, SwapBaking
from rollout.core.service import ServiceRollout
from rollout.emulator.fabric_state import Deployment
from rollout.simulation.book import Page
from rollout.simulation.marks import Mark
from rollout.simulation.truth import Truth


@dataclass(slots=True)
class Gates:
    """What has passed so far. Each question gives the sentence of what is wrong, or None."""

    truth: Truth
    _passed: dict[tuple[StreamName, int], float] = field(default_factory=dict)
    _baked: set[tuple[StreamName, bool]] = field(default_factory=set)
    """Attempts whose bake is over: that before the last domain, and (True) that after the swap."""
    _seen_swapped: dict[StreamName, float] = field(default_factory=dict)
    """When the swap was seen to be done, in engine seconds."""

    def opened(self, state: ServiceRollout, domain: int, page: Page, mark: Mark | None) -> str | None:
        """Judge a gate: it opens only after what it is about was up for as long as it is to.

        What is judged is the moment of deciding: on a full disk it becomes durable later, and what fell by itself
        meanwhile fell after its gate.
        """
        deployment = self.truth.subject(state.plan)
        if deployment is None:
            return f"the gate of {state.stream} opened, and there is no deployment"
        health, domains = state.plan.health, _judged(state, deployment, domain)
        wanted = None if isinstance(state.plan.change, StatusPlan) else mark or Mark("nothing that took effect")
        why = self.truth.unfit(deployment, domains, wanted, known_at=page.tried_at - health.interval_s)
        if why is not None:
            return f"the gate of {state.stream} opened, but {why}"
        stable_s = page.tried_at - self.truth.ready_since(deployment, domains)
        if stable_s < health.wait_s + health.stable_s:
            return f"the gate of {state.stream}, domain {domain}, opened {stable_s:.0f} s after it was up"
        for each in domains:
            self._passed[state.stream, each] = page.entry.now.t
        return None

    def baked(self, state: ServiceRollout, phase: Phase, t: float) -> str | None:
        """Judge a bake: it lasts as long as the policy wants, in engine seconds `t`; `phase` is the one it ended.

        A disk that was full, or a death before anybody was told, can make the gate before it durable much later.
        """
        self._baked.add((state.stream, isinstance(phase, SwapBaking)))
        match phase, state.plan.change:
            case SwapBaking(), SwapPlan(bake_s=bake_s):
                began_t = self._seen_swapped.get(state.stream, t)
                return self._lasted(state, "swap", t - began_t, bake_s) or self._in_production(state)
            case Baking(domain=domain), _:
                began_t = self._passed.get((state.stream, domain - 1), t)
                wanted_s = state.plan.walk.bake_before_last_s
                return self._lasted(state, f"gate of domain {domain - 1}", t - began_t, wanted_s)
            case _:
                return None

    def walked(self, state: ServiceRollout, domain: int, sent_at: float, mark: Mark | None) -> str | None:
        """Judge a walk: every domain before has passed its gate and is still well."""
        deployment = self.truth.subject(state.plan)
        if deployment is None:
            return None
        why = self._unfit(state, deployment, range(domain), sent_at, mark)
        return None if why is None else f"{state.stream} walked domain {domain}, and {why}"

    def unbaked(self, state: ServiceRollout, domain: int | None) -> str | None:
        """Judge whether the last `domain` is walked, or (None) a swap has succeeded, with no bake before that."""
        change, walk = state.plan.change, state.plan.walk
        if domain is None:
            missed = isinstance(change, SwapPlan) and change.bake_s > 0 and (state.stream, True) not in self._baked
            return f"{state.stream} has succeeded without its bake after the swap" if missed else None
        missed = walk.bake_before_last_s > 0 and domain == state.domain_count - 1 and domain > 0
        if missed and (state.stream, False) not in self._baked:
            return f"{state.stream} walked domain {domain}, the last, without the bake before it"
        return None

    def settled(self, state: ServiceRollout, t: float) -> None:
        """Hear that something was seen to be done: what is in its bake after a swap from now on."""
        if isinstance(state.phase, SwapBaking):
            self._seen_swapped[state.stream] = t

    def swapped(self, state: ServiceRollout, sent_at: float, mark: Mark | None) -> str | None:
        """Judge a swap: staging has passed as a whole, and is still well."""
        deployment = self.truth.subject(state.plan)
        if updates(state.plan.change) is None or deployment is None:
            return None
        why = self._unfit(state, deployment, range(deployment.domain_count), sent_at, mark)
        return None if why is None else f"{state.stream} was swapped, and {why}"

    def _unfit(
        self, state: ServiceRollout, deployment: Deployment, domains: Iterable[int], sent_at: float, mark: Mark | None
    ) -> str | None:
        for each in domains:
            if (state.stream, each) not in self._passed:
                return f"domain {each} has not passed its gate"
        return self.truth.unfit(deployment, domains, mark, known_at=sent_at)

    def _lasted(self, state: ServiceRollout, after: str, lasted_s: float, wanted_s: float) -> str | None:
        if lasted_s >= wanted_s:
            return None
        return f"the bake of {state.stream} after its {after} took {lasted_s:.0f} of {wanted_s:.0f} s"

    def _in_production(self, state: ServiceRollout) -> str | None:
        there, ours = self.truth.production(state.plan), self.truth.subject(state.plan)
        if there is not None and there is ours:
            return None
        return f"the bake of {state.stream} passed, and what was swapped does not stand in production"


def _judged(state: ServiceRollout, deployment: Deployment, domain: int) -> Iterable[int]:
    """Give what a gate is about: one domain, or all of them where nobody walked them one by one."""
    update = updates(state.plan.change)
    walked = update is not None and update.mode is Mode.MANUAL and not state.vacant
    return (domain,) if walked else range(deployment.domain_count)
