"""The state: the fabric's truth as plain data, for tests and scripts that judge by it."""

from dataclasses import asdict
from math import isfinite
from typing import Any

from rollout.emulator.fabric import Fabric
from rollout.emulator.fabric_state import Change, Deployment, Operation
from rollout.platforms.classic.vocabulary import DomainState


def log(fabric: Fabric) -> list[dict[str, Any]]:
    """List the effective changes, oldest first."""
    return [asdict(entry) for entry in fabric.log()]


def state(fabric: Fabric) -> dict[str, Any]:
    """Tell everything; times are seconds of the emulated service since its start."""
    now = fabric.now()
    world = fabric.world
    return {
        "at": now,
        "seed": fabric.seed,
        "knobs": fabric.knobs.model_dump(),
        "faults": [
            fault.model_dump(mode="json", exclude_none=True) | {"times": left} for fault, left in world.faults.left()
        ],
        "services": [
            {
                "service": service.name,
                "deployments": [_deployment(each, now) for each in service.slots.values()],
                "extensions": [each.id for each in service.extensions.values()],
            }
            for service in world.services.values()
        ],
        "strangers": [asdict(each) for each in world.strangers],
        "packages": sorted(world.packages),
        "operations": [_operation(each) for each in world.operations.values()],
    }


def _deployment(deployment: Deployment, now: float) -> dict[str, Any]:
    return {
        "deployment": deployment.name,
        "slot": deployment.slot.lower(),
        "status": deployment.status.value,
        "label": deployment.release.label,
        "shown_label": deployment.shown.label,
        "domains": deployment.domain_count,
        "locked_by": deployment.lock.id if deployment.lock else None,
        "rollback_possible": deployment.rollback_possible,
        "change": _change(deployment.change) if deployment.change else None,
        "instances": [
            {
                "instance": each.name,
                "domain": each.domain,
                "status": deployment.instance_phases(each, now)[0].value,
                "power": deployment.instance_phases(each, now)[1].value,
                "label": each.release.label,
                "ready_at": each.ready_at if isfinite(each.ready_at) else None,
            }
            for each in deployment.instances
        ],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "verb": change.verb.value,
        "mode": change.mode.value,
        "direction": "back" if change.back else "forward",
        "old_label": change.old.label,
        "new_label": change.new.label,
        "domain": change.pointer,
        "domain_state": (DomainState.DURING if change.during else DomainState.BEFORE).value,
        "touched": sorted(change.touched),
    }


def _operation(operation: Operation) -> dict[str, Any]:
    return {
        "request_id": operation.id,
        "verb": operation.verb.value,
        "service": operation.service,
        "status": operation.status.value,
        "started_at": operation.started_at,
        "completed_at": operation.completed_at,
        "error": str(operation.error) if operation.error else None,
    }
