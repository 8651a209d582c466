"""The policy's word to go back, answered by the same table as a person's."""

from rollout.core.cells import undo
from rollout.core.change_plan import SwapPlan
from rollout.core.command import Command, Told, Verb
from rollout.core.commands import answer
from rollout.core.drafts import Draft, with_companions
from rollout.core.names import POLICY, Now
from rollout.core.service import ServiceRollout
from rollout.errors import InvariantBroken


def back_drafts(state: ServiceRollout, reason: str, now: Now) -> tuple[Draft, ...]:
    """Give what turns a service back, or opens the attempt that undoes one that has ended; it can, by `summarize`."""
    if state.ended is not None and not isinstance(state.plan.change, SwapPlan):
        return with_companions(state, undo(state, Command("", Verb.ROLLBACK, POLICY, reason)))
    told = answer(state, Command("", Verb.ROLLBACK, POLICY, reason), now)
    if not isinstance(told, Told):
        message = f"{state.stream} was to be taken back, and cannot: {told}"
        raise InvariantBroken(message)
    return tuple(draft for fact in told.facts for draft in with_companions(state, fact))
