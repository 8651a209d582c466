"""Which slot shows what has to be seen: a deployment goes by its name, but a swap is about places."""

from rollout.core.names import Slot
from rollout.core.phase import Phase, Reconciling, Swapping, SwappingBack


def staging_due(phase: Swapping) -> bool:
    """Tell whether what is to be swapped is looked at next, before production is."""
    return phase.call is None and not phase.settling and not phase.production_next


def slot_to_see(phase: Phase) -> Slot | None:
    """Give the slot to look into; None = the deployment by its name, or where the plan has it."""
    made_in = phase.of if isinstance(phase, Reconciling) else phase
    if isinstance(phase, Swapping) and staging_due(phase):
        return None
    return Slot.PRODUCTION if isinstance(made_in, Swapping | SwappingBack) else None
