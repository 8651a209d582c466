"""A fleet file read, written for a subscription, and compared with one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from rollout.cli.survey import Found, Survey
from rollout.core.names import Slot
from rollout.errors import PolicyError
from rollout.policy.files import read_named
from rollout.policy.load import check_document
from rollout.policy.model.fleet import Fleet
from rollout.policy.problems import read_model
from rollout.policy.tree import Place
from rollout.policy.yaml import FLEET_BYTES_MAX, read_yaml
from rollout.views.text import counted, one_line

ONE_DOMAIN: Final = "one upgrade domain: once it is walked there is no way back by rollback"


class Difference(msgspec.Struct, frozen=True):
    """One service where file and subscription do not fit together."""

    service: str
    kind: str
    """missing, extra, empty (nothing runs in the slot) or one_domain."""
    words: str


def load_fleet(file: str) -> Fleet:
    """Read a fleet file; raises PolicyError."""
    kind = check_document(file).kind
    if kind != "fleet":
        raise PolicyError([Place(file).problem(f"is no fleet file, but a {kind}")])
    fleet, problems = read_model(Fleet, read_yaml(read_named(Path(file), FLEET_BYTES_MAX), file, limit=FLEET_BYTES_MAX))
    if fleet is None:
        raise PolicyError(problems)
    return fleet


def written(subscription: str, slot: Slot, survey: Survey) -> str:
    """Write a fleet file of the services that run something in the slot; the others stand in comments."""
    services = [found for name in survey.names if (found := survey.found.get(name.lower()))]
    taken = [service for service in services if slot in service.slots]
    lines = [f"# {counted(len(taken), 'service')} in rollout order. Tag a canary, and say what needs what."]
    lines += [f"subscription: {subscription}", f"slot: {slot.value}", "services:" if taken else "services: {}"]
    lines += [_line(service, slot) for service in taken]
    lines += [
        f"# left out, nothing runs in {slot.value}: {one_line(each.name)}" for each in services if each not in taken
    ]
    return "\n".join(lines) + "\n"


def _line(service: Found, slot: Slot) -> str:
    """Write one service with a tag of its region; the API says `West Europe`, other tools `westeurope`."""
    region = "".join(service.place.split()).lower()
    tags = f"{{tags: {{region: {region}}}}}" if region.isascii() and region.isalnum() else "{}"
    note = f"  # {ONE_DOMAIN}" if service.slots[slot].domain_count == 1 else ""
    return f"  {service.name}: {tags}{note}"


def differences(fleet: Fleet, survey: Survey, *, partial: bool) -> Iterator[Difference]:
    """Compare; with `partial` the fleet is a part on purpose, and other services are no difference."""
    slot = Slot(fleet.slot)
    for name in fleet.services:
        found = survey.found.get(name.lower())
        if found is None:
            yield Difference(name, "missing", "there is no such cloud service in the subscription")
        elif (deployed := found.slots.get(slot)) is None:
            others = " and ".join(other.value for other in found.slots)
            where = f"; something runs in {others}" if others else ""
            yield Difference(name, "empty", f"nothing runs in {slot.value}{where}")
        elif deployed.domain_count == 1:
            yield Difference(name, "one_domain", ONE_DOMAIN)
    if not partial:
        known = {name.lower() for name in fleet.services}
        for name in survey.names:
            if name.lower() not in known:
                yield Difference(name, "extra", "is in the subscription and not in the fleet")
