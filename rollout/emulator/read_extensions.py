"""Reading ExtensionConfiguration: which extensions are named, for all roles or for one."""

from typing import Final

from lxml import etree

from rollout.emulator.fabric_state import Extension
from rollout.emulator.read_elements import Child, Reader
from rollout.emulator.refusals import bad_request

STATE_SINCE: Final = "2014-06-01"
_STATES: Final = frozenset({"enable", "disable", "uninstall"})


def read_extensions(parent: etree._Element | None, reader: Reader) -> tuple[Extension, ...]:
    """Give the extensions in the document's order. Raises Refusal."""
    if parent is None:
        return ()
    found = reader.children(parent, (Child("AllRoles"), Child("NamedRoles")))
    extensions = _listed(found.element("AllRoles"), None, reader)
    named = found.element("NamedRoles")
    for role in () if named is None else reader.items(named, "Role"):
        inside = reader.children(role, (Child("RoleName", required=True), Child("Extensions", required=True)))
        extensions += _listed(inside.element("Extensions"), inside.text("RoleName"), reader)
    return tuple(extensions)


def _listed(parent: etree._Element | None, role: str | None, reader: Reader) -> list[Extension]:
    extensions: list[Extension] = []
    for item in () if parent is None else reader.items(parent, "Extension"):
        found = reader.children(item, (Child("Id", required=True), Child("State", since=STATE_SINCE)))
        state = found.text("State") if found.has("State") else None
        if state is not None and state.lower() not in _STATES:
            raise bad_request("The State of an extension is Enable, Disable or Uninstall.")
        extensions.append(Extension(role, found.text("Id"), state))
    return extensions
