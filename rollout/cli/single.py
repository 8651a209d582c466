"""One word to one service outside of any policy: whom it is about, what it means, and the rollout that does it."""

import sys
import time
from datetime import UTC, datetime
from typing import Final, NamedTuple

import click

from rollout.assembly import Assembly
from rollout.cli.actor import actor
from rollout.cli.again import again
from rollout.cli.foreground import conduct
from rollout.cli.loop import run_loop
from rollout.cli.params import flags_over
from rollout.cli.place import Place
from rollout.cli.screen import Output
from rollout.core.change_plan import InstancePlan, StatusPlan, SwapPlan
from rollout.core.names import RolloutId, Slot, Target
from rollout.core.operation import InstanceVerb
from rollout.core.single import Single, compile_single
from rollout.core.snapshot import Absent, Observation, Snapshot
from rollout.daemon.owners import refuse_owned
from rollout.errors import CommandRefused, UsageError
from rollout.platforms.classic.preflight import preflight
from rollout.policy.tree import did_you_mean
from rollout.settings import RunSettings, default_state
from rollout.settings.allow import Asked, refusals
from rollout.settings.choose import run_settings
from rollout.settings.load import Loaded, load_settings
from rollout.views.reading import read_rollout

Change = StatusPlan | SwapPlan | InstancePlan

_MEANS: Final = {
    InstanceVerb.REBOOT: "it goes down and comes up as it is",
    InstanceVerb.REIMAGE: "it goes down and comes up with a fresh system disk",
    InstanceVerb.REBUILD: "it goes down and comes up with fresh disks; WHAT LIES ON ITS LOCAL DISKS IS LOST",
}


class Manner(NamedTuple):
    """How the command line asked."""

    place: Place
    slot: str | None
    subscription: str | None
    reason: str
    yes: bool
    id: str | None
    config: str | None
    endpoint: str | None
    state: str | None
    output: str | None


def act(ctx: click.Context, verb: str, change: Change, manner: Manner) -> None:
    """Do it in the foreground, journaled and at most once, and exit as `rollout run` does. Raises RolloutError."""
    if not manner.reason.strip():
        raise UsageError("--reason is empty: say why, for everybody who reads the journal")
    loaded = load_settings(manner.config, flags=flags_over(state=manner.state))
    target = _target(manner, loaded, change)
    settings = run_settings(loaded, target.subscription, endpoint=manner.endpoint)
    _confirm(target, verb, change, yes=manner.yes)
    rollout = RolloutId(manner.id or f"{verb}-{target.service}-{_stamp()}")
    single = Single(rollout, target, change, actor(), manner.reason, manner.place.rollout)
    output = Output(manner.output or ("table" if sys.stdout.isatty() else "jsonl"))
    ended = run_loop(lambda: conduct(settings, lambda assembly: _admit(assembly, single, manner.place.rollout), output))
    if ended.result is None:
        more = () if manner.id else ("--id", rollout)
        click.echo(f"stopped; nothing is lost. Go on with:\n  {again(ctx, *more)}", err=True)
    ctx.exit(ended.code)


# --- whom it is about ---


def _target(manner: Manner, loaded: Loaded, change: Change) -> Target:
    """Find subscription and slot: of the rollout that was named, else as the options and the settings say."""
    rollout, service = manner.place
    if rollout is not None:
        known = read_rollout(loaded.settings.state or default_state(), rollout).services
        if service not in known:
            raise UsageError(f"rollout {rollout} has no service {service}{did_you_mean(service, list(known))}")
        own = known[service].plan.target
        if manner.subscription is not None and manner.subscription.lower() != own.subscription.lower():
            raise UsageError(f"rollout {rollout} is in subscription {own.subscription}: leave --subscription out")
        return Target(own.subscription, service, _slot(manner.slot, change, own.slot))
    subscription = manner.subscription or _only_one(loaded)
    return Target(subscription, service, _slot(manner.slot, change, Slot.PRODUCTION))


def _slot(named: str | None, change: Change, otherwise: Slot) -> Slot:
    if isinstance(change, SwapPlan):
        return Slot.STAGING  # a swap is about the deployment that production is to run
    return otherwise if named is None else Slot(named)


def _only_one(loaded: Loaded) -> str:
    known = list(loaded.settings.subscriptions)
    if len(known) != 1:
        there = f"the settings have {len(known)} of them" if known else "the settings name none"
        raise UsageError(f"whose service is it? {there}: give --subscription ID, or name the service as ID/SERVICE")
    return known[0]


# --- what it means ---


def _confirm(target: Target, verb: str, change: Change, *, yes: bool) -> None:
    means = f"{verb} {_meaning(target, change)}"
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"this would {means}. Give --yes where that is meant")
    if not click.confirm(f"{means}. Go on?", err=True):
        raise UsageError("nothing was asked")


def _meaning(target: Target, change: Change) -> str:
    where = f"{target.service} in {target.slot}"
    match change:
        case StatusPlan(running=False):
            return f"{where}: ALL OF ITS INSTANCES STOP, an outage until somebody starts it again"
        case StatusPlan():
            return f"{where}: all of its instances come up"
        case SwapPlan():
            return f"{target.service}: what is in staging serves production at once, and the other way round"
        case InstancePlan(verb=verb, instance=instance):
            return f"{instance} of {where}: {_MEANS[verb]}"


def _stamp() -> str:
    return datetime.fromtimestamp(time.time(), UTC).strftime("%Y%m%dT%H%M%S")


# --- the rollout that carries it out ---


async def _admit(assembly: Assembly, single: Single, named: RolloutId | None) -> RolloutId:
    """Open it, or find the one that was interrupted. Raises CommandRefused, UsageError, EndpointUnreachable."""
    compiled = compile_single(single)
    known = assembly.ledger.rollout(single.rollout)
    if known is not None and known.plan.documents != compiled.plan.documents:
        raise CommandRefused(f"{single.rollout} is known as something else; leave --id out, or ask again in a second")
    refuse_owned(assembly, single.rollout, single.target, named)
    if known is not None:
        return single.rollout
    asked = Asked(single.target.subscription, {}, {wave.name: len(wave.services) for wave in compiled.plan.waves})
    if refused := refusals(assembly.settings, asked):
        raise CommandRefused("the settings do not allow this:\n  " + "\n  ".join(refused))
    _refuse_absent(single, await _look(assembly.settings, assembly, single.target))
    for payload in compiled.payloads:
        await assembly.journal.put(payload)
    await assembly.engine.open_rollout(compiled.plan, compiled.services, actor=single.who)
    return single.rollout


async def _look(settings: RunSettings, assembly: Assembly, target: Target) -> Observation:
    if settings.access is not None:
        return await preflight(settings, target, assembly.platform.prove)
    return await assembly.platform.prove(target)


def _refuse_absent(single: Single, seen: Observation) -> None:
    target, change = single.target, single.change
    if isinstance(seen, Absent):
        raise CommandRefused(f"{target.service} has no deployment in {target.slot}: {seen.detail}")
    if isinstance(seen, Snapshot) and isinstance(change, InstancePlan):
        names = [instance.name for instance in seen.instances]
        if change.instance not in names:
            raise UsageError(
                f"{target.service} has no instance {change.instance}{did_you_mean(change.instance, names)}"
            )
