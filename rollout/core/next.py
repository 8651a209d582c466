"""What is needed next, with the words for it: the answer that `decide` gives and `explain` speaks from."""

import msgspec

from rollout.core.action import Action, LookAtDeployment, PollOperation, ProbeHealth, Watch
from rollout.core.deadline import deadline
from rollout.core.names import Now
from rollout.core.phase import Reconciling, RollingBack
from rollout.core.service import ServiceRollout


class Next(msgspec.Struct, frozen=True):
    """What is needed next (None = the attempt has ended), and the words for it."""

    action: Action | None
    doing: str
    """What is going on, as the continuation of "<service>: "."""
    until_t: float | None = None
    """When something happens by itself at the latest, in engine seconds."""
    then: str = ""
    """What that is."""


def watch(
    state: ServiceRollout,
    now: Now,
    doing: str,
    *sources: PollOperation | LookAtDeployment | ProbeHealth,
    due_t: float | None = None,
    then: str = "",
) -> Next:
    """Watch until `due_t` or the nearest limit, whichever comes first."""
    limit = deadline(state, now.t)
    if state.blind is not None:
        doing = f"{doing}; {limit.name} has passed, but there is no evidence: {state.blind}"
    if due_t is not None and due_t < limit.t:
        return Next(Watch(sources, due_t), doing, due_t, then)
    end = "needs an operator" if isinstance(state.phase, Reconciling | RollingBack) else "gives up"
    return Next(Watch(sources, limit.t), doing, limit.t, f"{end} ({limit.name})")
