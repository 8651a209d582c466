"""Service configurations (.cscfg): set instance counts and settings and change nothing else; tell equal ones apart."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final

from lxml import etree

from rollout.errors import PlatformError
from rollout.platforms.classic import xml
from rollout.platforms.classic.vocabulary import CONFIGURATION_NAMESPACE
from rollout.policy.tree import did_you_mean, shown

CONFIGURATION_LIMITS: Final = xml.XmlLimits()
KEYS_MAX: Final = 20_000
"""Keys kept in mind: one for each deployment of the largest fleet, both slots."""
NAMES_SHOWN_MAX: Final = 5


class CannotPatch(PlatformError):
    """A setting cannot be set so; the message names each that is missing, and what is near."""


def with_instance_counts(configuration: bytes, counts: Mapping[str, int]) -> bytes:
    """Give `configuration` with `<Role name=…><Instances count=…/>` set for each role in `counts`.

    Roles it names and `counts` does not keep their own count; a role only `counts` names is a role the change removes,
    and the platform judges that. Where every count agrees already, the very same bytes are given back. Raises
    `Unreadable` where the configuration is none, or a role to be set has no Instances element.
    """
    root = _parsed(configuration)
    changed = False
    for role in xml.children(root, "Role"):
        wanted = counts.get(role.get("name", ""))
        if wanted is None:
            continue
        instances = xml.child(role, "Instances")
        if instances is None:
            raise xml.Unreadable(f"role {role.get('name')!r} has no Instances element to set the count of")
        changed |= _set(instances, "count", str(wanted))
    return xml.serialise(root) if changed else configuration


def with_settings(configuration: bytes, settings: Mapping[str, str]) -> bytes:
    """Give `configuration` with each `Role/Name` of `settings` at its new value.

    A setting is never added: the service definition decides which there are. Raises `CannotPatch` with all
    that cannot be set, `Unreadable` where the configuration is none. Where every value agrees
    already, the very same bytes are given back.
    """
    root = _parsed(configuration)
    roles = {role.get("name", ""): _settings(role) for role in xml.children(root, "Role")}
    faults = [fault for path in settings if (fault := _missing(path, roles))]
    if faults:
        raise CannotPatch("; ".join(faults))
    changed = False
    for path, value in settings.items():
        role, _, name = path.partition("/")
        try:
            changed |= _set(roles[role][name], "value", value)
        except ValueError:
            raise CannotPatch(f"the value for {shown(path)} has a character that XML cannot carry") from None
    return xml.serialise(root) if changed else configuration


def key_of(configuration: bytes) -> str:
    """Give the SHA-256 of the canonical form, in hexadecimal; raise `Unreadable` where it is no configuration."""
    return hashlib.sha256(xml.canonical(_parsed(configuration))).hexdigest()


class Keys:
    """The keys of configurations seen lately, so that the same bytes are not parsed at every look."""

    def __init__(self, count_max: int = KEYS_MAX) -> None:
        self._count_max = count_max
        self._known: OrderedDict[bytes, str] = OrderedDict()

    def of(self, configuration: bytes) -> str:
        """Give the key; empty where there is no configuration, or none that can be read."""
        fingerprint = hashlib.sha256(configuration).digest()
        key = self._known.get(fingerprint)
        if key is None:
            key = self._known[fingerprint] = _key_or_none(configuration)
            if len(self._known) > self._count_max:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(fingerprint)
        return key


def _key_or_none(configuration: bytes) -> str:
    try:
        return key_of(configuration)
    except xml.Unreadable:
        return ""


def _parsed(configuration: bytes) -> etree._Element:
    return xml.parse(
        configuration, {"ServiceConfiguration"}, namespaces={CONFIGURATION_NAMESPACE}, limits=CONFIGURATION_LIMITS
    )


def _settings(role: etree._Element) -> dict[str, etree._Element]:
    listed = xml.child(role, "ConfigurationSettings")
    return {} if listed is None else {each.get("name", ""): each for each in xml.children(listed, "Setting")}


def _missing(path: str, roles: Mapping[str, Mapping[str, object]]) -> str | None:
    """Say which part of `Role/Name` the configuration does not have."""
    role, _, name = path.partition("/")
    if role not in roles:
        return f"the configuration has no role {shown(role)}{_near(role, roles)}"
    if name not in roles[role]:
        return f"role {shown(role)} has no setting {shown(name)}{_near(name, roles[role])}"
    return None


def _near(word: str, known: Iterable[str]) -> str:
    """Name what is meant, or else what there is."""
    names = list(known)
    there = ", ".join(map(shown, names[:NAMES_SHOWN_MAX])) + (", …" if len(names) > NAMES_SHOWN_MAX else "")
    return did_you_mean(word, names) or f"; it has {there or 'none'}"


def _set(element: etree._Element, attribute: str, value: str) -> bool:
    """Set an attribute and say whether that changed it."""
    if element.get(attribute) == value:
        return False
    element.set(attribute, value)
    return True
