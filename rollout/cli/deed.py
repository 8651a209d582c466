"""What a change leaves its services with, as the last line of a run says it. Pure."""

from typing import Final

from rollout.core.change_plan import ChangePlan, ConfigurePlan, InstancePlan, StatusPlan, SwapPlan, UpgradePlan
from rollout.core.operation import InstanceVerb

_DONE: Final = {
    InstanceVerb.REBOOT: "rebooted",
    InstanceVerb.REIMAGE: "reimaged",
    InstanceVerb.REBUILD: "rebuilt",
}


def deed(change: ChangePlan, count: int) -> str:
    """Finish the sentence `3 of 12 services …`."""
    match change:
        case UpgradePlan():
            return _verb(count, "runs", "run", "the new release")
        case ConfigurePlan():
            return _verb(count, "has", "have", "the new configuration")
        case SwapPlan():
            return _verb(count, "serves", "serve", "what was in staging")
        case StatusPlan(running=running):
            return _verb(count, "is", "are", "running" if running else "suspended")
        case InstancePlan(verb=verb, instance=instance):
            return _verb(count, "has", "have", f"{instance} {_DONE[verb]}")


def _verb(count: int, one: str, many: str, what: str) -> str:
    return f"{one if count == 1 else many} {what}"
