"""What a revert opens: the rollout that takes an ended one back, where nothing newer stands in its way."""

from collections.abc import Mapping

from rollout.assembly import Assembly
from rollout.core.change_plan import InstancePlan
from rollout.core.compile import Compiled
from rollout.core.compile_revert import SUFFIX, compile_revert, packages_wanted, undo
from rollout.core.ending import Outcome
from rollout.core.names import RolloutId, ServiceName, parse_service_stream
from rollout.core.service import ServiceRollout
from rollout.daemon.owners import refuse_owned
from rollout.engine.streams import newest_attempts, rollout_state
from rollout.errors import CommandRefused, JournalDamaged
from rollout.platforms.classic.preflight import preflight

Services = Mapping[ServiceName, ServiceRollout]


async def admit(assembly: Assembly, rollout: RolloutId, reason: str, *, who: str, partial: bool) -> RolloutId:
    """Open the rollout that takes `rollout` back, or find it. Raises CommandRefused, EndpointUnreachable."""
    compiled, refused = await _compiled(assembly, rollout, reason, who)
    own = compiled.plan.rollout
    known = assembly.ledger.rollout(own)
    if known is not None:
        if known.plan.documents != compiled.plan.documents:
            raise CommandRefused(f"{own} is known already, with other services or plans: see `rollout get {own}`")
        return own
    if refused and not partial:
        lines = "\n  ".join(f"{service}: {why}" for service, why in refused.items())
        raise CommandRefused(f"not everything can be taken back, and --partial would leave out:\n  {lines}")
    if not compiled.services:
        raise CommandRefused(f"nothing of {rollout} is there to be taken back")
    for plan in compiled.services:
        refuse_owned(assembly, own, plan.target)
    settings = assembly.settings.of(compiled.services[0].target.subscription)
    if settings.access is not None:
        await preflight(settings, compiled.services[0].target, assembly.platform.prove)
    for payload in compiled.payloads:
        await assembly.journal.put(payload)
    await assembly.engine.open_rollout(compiled.plan, compiled.services, actor=who)
    return own


async def _compiled(
    assembly: Assembly, rollout: RolloutId, reason: str, who: str
) -> tuple[Compiled, dict[ServiceName, str]]:
    """Compile what can be taken back, and say why the rest cannot."""
    state = rollout_state(assembly.ledger, rollout)
    if state.closed is None:
        raise CommandRefused(f"{rollout} is still open: `rollout abort {rollout}` takes back what has not ended")
    services = await _services(assembly, rollout)
    newer = await _newer(assembly, rollout, services)
    left = {name: each for name, each in services.items() if name not in newer}
    packages = {digest: (await assembly.journal.payload(digest)).decode() for digest in packages_wanted(left)}
    undone = undo(state, left, packages)
    return compile_revert(state, undone, who, reason), newer | undone.refused


async def _services(assembly: Assembly, rollout: RolloutId) -> dict[ServiceName, ServiceRollout]:
    found = {}
    for name, stream in newest_attempts(assembly.ledger, rollout):
        state = await assembly.ledger.recall(stream)
        if state is None:
            raise JournalDamaged(f"{stream} has no entry")
        found[name] = state
    return found


async def _newer(assembly: Assembly, rollout: RolloutId, services: Services) -> dict[ServiceName, str]:
    """Say which services have been changed since, so that what was captured is not what ran before them."""
    own = {state.stream: name for name, state in services.items()}
    passed: set[ServiceName] = set()
    newer: dict[ServiceName, str] = {}
    for stream in assembly.ledger.ended_services():
        if stream in own:
            passed.add(own[stream])
            continue
        other, name, _ = parse_service_stream(stream)
        if name not in passed or other in {rollout, f"{rollout}{SUFFIX}"}:
            continue
        # Only looked up: whatever was upgraded since would else stay in memory for good.
        state = await assembly.ledger.look_up(stream)
        if state is not None and _changed(state):
            newer[name] = f"it was changed again since, by {other}: revert that one first"
    return newer


def _changed(state: ServiceRollout) -> bool:
    ended = state.ended
    well = ended is not None and ended.outcome is Outcome.SUCCEEDED
    return well and not isinstance(state.plan.change, InstancePlan)
