"""Strangers: who else works on the services, when, and what they do there; a list written by people or scripts."""

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from rollout.emulator import chance, fabric_instances, fabric_slots
from rollout.emulator.beside import Visit
from rollout.emulator.callers import STRANGER
from rollout.emulator.fabric import Fabric, Target
from rollout.emulator.fabric_state import Deployment
from rollout.emulator.fabric_update import Begin, Configure
from rollout.emulator.read_configuration import with_count
from rollout.emulator.refusals import Refusal
from rollout.platforms.classic.vocabulary import Mode, Slot, Verb

STRANGERS_MAX: Final = 10_000


class Act(StrEnum):
    """What a stranger does."""

    UPGRADE = "upgrade"
    """Upgrade Deployment with Mode=Auto and the label `label`, everything else as it is."""
    CONFIGURE = "configure"
    """Change Deployment Configuration with Mode=Auto to what it is already."""
    SCALE = "scale"
    """Change Deployment Configuration with Mode=Auto: one more instance of the first role."""
    REBOOT = "reboot"
    """Reboot the first instance."""
    WALK = "walk"
    """Walk the current domain of whatever update is in progress."""
    ROLLBACK = "rollback"
    """Roll back whatever update is in progress, with Mode=Auto."""
    SUSPEND = "suspend"
    """Suspend the deployment."""
    SWAP = "swap"
    """Swap the two slots."""
    DELETE = "delete"
    """Delete the deployment."""
    MAINTENANCE = "maintenance"
    """The platform itself restarts the first instance: List Deployment Events tells, no listing of operations does."""


def _as_act(value: object) -> Act:
    if not isinstance(value, str) or value not in Act.__members__.values():
        raise ValueError(f"unknown effect {value!r:.60}; known effects: {', '.join(Act)}")
    return Act(value)


def _as_slot(value: object) -> Slot:
    for slot in Slot:
        if isinstance(value, str) and value.lower() == slot.lower():
            return slot
    raise ValueError("the slot is production or staging")


class Stranger(BaseModel):
    """One thing that somebody else does, once."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    service: str
    slot: Annotated[Slot, BeforeValidator(_as_slot)] = Slot.PRODUCTION
    effect: Annotated[Act, BeforeValidator(_as_act)]
    at: float = Field(default=0.0, ge=0, le=10_000_000_000, allow_inf_nan=False)
    """Seconds of the emulated service since its start; what is past happens at once."""
    label: str = Field(default="stranger", min_length=1, max_length=100)
    """Of an upgrade."""


class BadStrangers(ValueError):
    """The list of strangers cannot be used; the message says which entry and why."""


_LIST: Final[TypeAdapter[list[Stranger]]] = TypeAdapter(Annotated[list[Stranger], Field(max_length=STRANGERS_MAX)])


def read_strangers(document: object) -> list[Stranger]:
    """Check a document made of plain lists and mappings. Raises BadStrangers with every problem at once."""
    if document is None:
        return []
    try:
        return _LIST.validate_python(document)
    except ValidationError as error:
        problems = (
            f"strangers[{'.'.join(map(str, each['loc']))}]: {each['msg'].removeprefix('Value error, ')}"
            for each in error.errors()[:20]
        )
        raise BadStrangers("; ".join(problems)) from error


def expect(fabric: Fabric, strangers: Sequence[Stranger]) -> None:
    """Let strangers come at their times; what the service refuses them does not happen, and is remembered."""
    now = fabric.now()
    for stranger in strangers:
        fabric.world.agenda.plan(max(0.0, stranger.at - now), partial(_visit, fabric, stranger))
    fabric.now()


def _visit(fabric: Fabric, stranger: Stranger) -> None:
    world = fabric.world
    request_id = chance.hex_id(fabric.seed, "stranger", len(world.strangers))
    refused: str | None = None
    try:
        _act(fabric, stranger, request_id)
    except Refusal as refusal:
        refused = str(refusal)
    done = world.history.get(request_id)
    if done is not None:
        done.caller = STRANGER
    world.strangers.append(Visit(world.now, stranger.service, stranger.effect.value, request_id, refused))


def _act(fabric: Fabric, stranger: Stranger, request_id: str) -> None:
    target = Target(stranger.service, slot=stranger.slot)
    deployment = fabric.deployment(target)
    match stranger.effect:
        case Act.UPGRADE:
            release = replace(deployment.release, label=stranger.label)
            fabric.begin(target, Begin(Mode.AUTO, release), Verb.UPGRADE, request_id)
        case Act.CONFIGURE:
            fabric.configure(target, Configure(Mode.AUTO, deployment.release.configuration), request_id)
        case Act.SCALE:
            fabric.configure(target, Configure(Mode.AUTO, _larger(deployment)), request_id)
        case Act.REBOOT:
            fabric_instances.restart(fabric, target, deployment.instances[0].name, Verb.REBOOT, request_id)
        case Act.WALK:
            fabric.walk(target, deployment.change.pointer if deployment.change else 0, request_id)
        case Act.ROLLBACK:
            fabric.roll_back(target, Mode.AUTO, request_id)
        case Act.SUSPEND:
            fabric.set_running(target, request_id, running=False)
        case Act.SWAP:
            names = {slot: each.name for slot, each in fabric.service(stranger.service).slots.items()}
            source = names.get(Slot.STAGING, deployment.name)
            production = names.get(Slot.PRODUCTION) if Slot.STAGING in names else None
            fabric_slots.swap(fabric, stranger.service, production, source, request_id)
        case Act.DELETE:
            fabric_slots.delete(fabric, target, request_id, media=False)
        case Act.MAINTENANCE:
            fabric_instances.maintain(fabric, target)


def _larger(deployment: Deployment) -> bytes:
    role, count = deployment.release.counts[0]
    return with_count(deployment.release.configuration, role, count + 1)
