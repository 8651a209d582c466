"""What an update changes beside package and configuration, in the API's records: properties and extensions."""

from rollout.core.operation import ExtensionUse as CoreExtensionUse
from rollout.core.operation import Extras
from rollout.platforms.classic.extensions import (
    ExtensionConfiguration,
    ExtensionState,
    ExtensionUse,
    RoleExtensions,
)
from rollout.platforms.classic.properties import ExtendedProperty
from rollout.platforms.classic.request import CannotEncode


def extended_properties(extras: Extras) -> tuple[ExtendedProperty, ...]:
    """Give the extended properties to set, in their order."""
    return tuple(ExtendedProperty(name, value) for name, value in extras.properties.items())


def extension_configuration(extras: Extras) -> ExtensionConfiguration | None:
    """Give the extensions of the whole deployment; None leaves them as they are, an empty one removes them all."""
    if extras.extensions is None:
        return None
    roles = dict.fromkeys(each.role for each in extras.extensions if each.role is not None)
    return ExtensionConfiguration(
        all_roles=tuple(_use(each) for each in extras.extensions if each.role is None),
        named_roles=tuple(
            RoleExtensions(role, tuple(_use(each) for each in extras.extensions if each.role == role)) for role in roles
        ),
    )


def _use(each: CoreExtensionUse) -> ExtensionUse:
    """Name one extension; Enable is what it is without a state, which older versions know nothing of."""
    for state in ExtensionState:
        if state.casefold() == each.state.casefold():
            return ExtensionUse(each.id, None if state is ExtensionState.ENABLE else state)
    raise CannotEncode(f"the state of extension {each.id} is {each.state!r}; it is {', '.join(ExtensionState)}")
