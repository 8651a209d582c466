"""The parts that documents of several operations share, each only in versions that know it."""

from collections.abc import Sequence
from typing import Final

from rollout.platforms.classic.extensions import EXTENSIONS_SINCE, ExtensionConfiguration, extension_fields
from rollout.platforms.classic.properties import PROPERTIES_SINCE, ExtendedProperty, property_fields
from rollout.platforms.classic.request import require
from rollout.platforms.classic.vocabulary import PROPERTIES_MAX
from rollout.platforms.classic.write import Field, boolean_text

WARNINGS_SINCE: Final = "2011-04-01"


def warnings(treat_as_error: bool, version: str) -> list[Field]:
    """Give TreatWarningsAsError; an older version is not told that it is off."""
    if version < WARNINGS_SINCE and not treat_as_error:
        return []
    require(version, WARNINGS_SINCE, "TreatWarningsAsError")
    return [("TreatWarningsAsError", boolean_text(treat_as_error))]


def attachments(
    properties: Sequence[ExtendedProperty], extensions: ExtensionConfiguration | None, version: str
) -> list[Field]:
    """Give the two children that may end a change's document; an absent one leaves things as they are."""
    fields = property_part(properties, version)
    if extensions is not None:
        require(version, EXTENSIONS_SINCE, "ExtensionConfiguration")
        fields.append(("ExtensionConfiguration", extension_fields(extensions, version)))
    return fields


def property_part(properties: Sequence[ExtendedProperty], version: str, count_max: int = PROPERTIES_MAX) -> list[Field]:
    """Give ExtendedProperties, where there are any."""
    if not properties:
        return []
    require(version, PROPERTIES_SINCE, "ExtendedProperties")
    return [("ExtendedProperties", property_fields(properties, count_max))]
