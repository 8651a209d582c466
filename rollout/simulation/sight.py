"""What a look at the fabric's truth shows: the same Snapshot that the client reads from Get Deployment's reply."""

import hashlib
from typing import Final

import msgspec
from msgspec.structs import replace

from rollout.core.snapshot import Activity, ChangeInFlight, Instance, Snapshot
from rollout.emulator import fabric_state
from rollout.emulator.fabric_state import Deployment
from rollout.emulator.knobs import Knobs
from rollout.platforms.classic.decode import KEYS
from rollout.platforms.classic.vocabulary import DeploymentStatus, InstanceStatus, Mode, PowerState

_ACTIVITIES: Final = {
    DeploymentStatus.RUNNING: Activity.RUNNING,
    DeploymentStatus.SUSPENDED: Activity.SUSPENDED,
    DeploymentStatus.RUNNING_TRANSITIONING: Activity.CHANGING,
    DeploymentStatus.SUSPENDED_TRANSITIONING: Activity.SUSPENDED_CHANGING,
}
_DIGEST_BYTES: Final = 16


def snapshot(shown: Deployment, knobs: Knobs, now: float) -> Snapshot:
    """Show a deployment at `now`, in seconds of the emulated service."""
    change = shown.change
    deploying = shown.status is DeploymentStatus.DEPLOYING
    configuration = b"" if deploying else shown.shown.configuration
    seen = Snapshot(
        deployment=shown.name,
        release=shown.shown.label,
        activity=_ACTIVITIES.get(shown.status, Activity.OTHER),
        status=shown.status.value,
        domain_count=0 if deploying else shown.domain_count,
        instances=() if deploying else tuple(_instance(shown, each, now) for each in shown.instances),
        change=None if change is None else ChangeInFlight(change.mode is Mode.MANUAL, change.pointer, change.during),
        locked=shown.lock is not None,
        rollback_allowed=_rollback_allowed(shown, knobs),
        digest="",
        configuration=configuration,
        key=KEYS.of(configuration),
        private_id=shown.private_id,
    )
    whole = msgspec.msgpack.encode((seen, shown.last_modified(now)))
    return replace(seen, digest=hashlib.blake2b(whole, digest_size=_DIGEST_BYTES).hexdigest())


def _instance(shown: Deployment, each: fabric_state.Instance, now: float) -> Instance:
    status, power = shown.instance_phases(each, now)
    ready = status is InstanceStatus.READY and power is PowerState.STARTED
    return Instance(each.name, each.role, each.domain, ready, status.value, each.address)


def _rollback_allowed(shown: Deployment, knobs: Knobs) -> bool | None:
    if not shown.rollback_possible:
        return False
    return None if knobs.rollback_flag == "absent" else knobs.rollback_flag == "auto"
