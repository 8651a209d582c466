"""Service configurations: which roles one names, with how many instances."""

import re
from typing import Final

from lxml import etree

from rollout.emulator import hardened
from rollout.emulator.refusals import bad_request
from rollout.platforms.classic.vocabulary import CONFIGURATION_NAMESPACE

INSTANCES_MAX: Final = 250
"""Of one role; the addresses of a deployment lie in one block."""
_COUNT: Final = re.compile(r"[0-9]{1,4}\Z")


def role_counts(configuration: bytes) -> tuple[tuple[str, int], ...]:
    """Give (role, instances) in the document's order. Raises Refusal: BadRequest."""
    try:
        root = hardened.parse(configuration)
    except hardened.XmlRefused as error:
        raise bad_request(f"Configuration cannot be read. {error}") from None
    if root.tag != _tag("ServiceConfiguration"):
        raise bad_request(f"Configuration is no ServiceConfiguration in the namespace {CONFIGURATION_NAMESPACE}.")
    counts: dict[str, int] = {}
    for role in root.findall(_tag("Role")):
        name = role.get("name", "")
        instances = role.find(_tag("Instances"))
        count = "" if instances is None else instances.get("count", "")
        if not name or name in counts:
            raise bad_request("Configuration has a Role without a name, or one name twice.")
        if not _COUNT.match(count) or not 1 <= int(count) <= INSTANCES_MAX:
            raise bad_request(f"Configuration gives a Role no Instances count from 1 to {INSTANCES_MAX}.")
        counts[name] = int(count)
    if not counts:
        raise bad_request("Configuration names no Role.")
    return tuple(counts.items())


def with_count(configuration: bytes, role: str, count: int) -> bytes:
    """Write a configuration that was read before with another instance count for one role."""
    root = hardened.parse(configuration)
    for each in root.findall(_tag("Role")):
        instances = each.find(_tag("Instances"))
        if each.get("name") == role and instances is not None:
            instances.set("count", str(count))
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def _tag(name: str) -> str:
    return f"{{{CONFIGURATION_NAMESPACE}}}{name}"
