"""Which extensions a deployment runs: for all its roles, and for single ones."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from rollout.platforms.classic.request import CannotEncode, require
from rollout.platforms.classic.write import Field

EXTENSIONS_SINCE: Final = "2013-03-01"
STATE_SINCE: Final = "2014-06-01"


class ExtensionState(StrEnum):
    """What is to become of an extension that is named."""

    ENABLE = "Enable"
    DISABLE = "Disable"
    UNINSTALL = "Uninstall"


class ExtensionUse(msgspec.Struct, frozen=True):
    """An extension of the service, named by its id. Without a state it is enabled."""

    id: str
    state: ExtensionState | None = None


class RoleExtensions(msgspec.Struct, frozen=True):
    """The extensions of one role."""

    role: str
    extensions: tuple[ExtensionUse, ...]


class ExtensionConfiguration(msgspec.Struct, frozen=True):
    """The extensions of a whole deployment; what it does not name is removed by the change that carries it."""

    all_roles: tuple[ExtensionUse, ...] = ()
    named_roles: tuple[RoleExtensions, ...] = ()


def extension_fields(configuration: ExtensionConfiguration, version: str) -> list[Field]:
    """Give the children of ExtensionConfiguration. An empty part is left out; both empty says: none."""
    roles = [each.role for each in configuration.named_roles]
    if len(set(roles)) != len(roles):
        raise CannotEncode("ExtensionConfiguration names one role twice")
    fields: list[Field] = []
    if configuration.all_roles:
        fields.append(("AllRoles", _uses(configuration.all_roles, version)))
    if configuration.named_roles:
        named: list[Field] = [
            ("Role", [("RoleName", each.role), ("Extensions", _uses(each.extensions, version))])
            for each in configuration.named_roles
        ]
        fields.append(("NamedRoles", named))
    return fields


def _uses(extensions: Sequence[ExtensionUse], version: str) -> list[Field]:
    return [("Extension", _use(each, version)) for each in extensions]


def _use(each: ExtensionUse, version: str) -> list[Field]:
    if each.state is None:
        return [("Id", each.id)]
    require(version, STATE_SINCE, "the State of an extension")
    return [("Id", each.id), ("State", each.state)]
