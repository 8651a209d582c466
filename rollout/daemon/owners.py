"""Whether a service is free for a rollout of its own: no open rollout of the state directory is at work on it."""

from rollout.assembly import Assembly
from rollout.core.names import RolloutId, Target
from rollout.core.ownership import objection
from rollout.errors import CommandRefused


def refuse_owned(assembly: Assembly, own: RolloutId, target: Target, named: RolloutId | None = None) -> None:
    """Raise CommandRefused where another rollout than `own` has the service; `named` as in `objection`."""
    for state in assembly.ledger.services().values():
        theirs = state.plan.target
        if state.plan.rollout == own or _name(theirs) != _name(target):
            continue
        if (why := objection(state, named, assembly.clock.now())) is not None:
            raise CommandRefused(why)


def _name(target: Target) -> tuple[str, str]:
    return target.subscription.lower(), target.service.lower()
