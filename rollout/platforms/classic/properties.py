"""The extended properties of a deployment: names and values people attach to it, within the API's limits."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from rollout.platforms.classic.request import CannotEncode
from rollout.platforms.classic.vocabulary import (
    PROPERTIES_MAX,
    PROPERTY_NAME_CHARACTERS_MAX,
    PROPERTY_VALUE_CHARACTERS_MAX,
)
from rollout.platforms.classic.write import Field

PROPERTIES_SINCE: Final = "2012-03-01"

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


class ExtendedProperty(msgspec.Struct, frozen=True):
    """One name with its value; None deletes the property."""

    name: str
    value: str | None


def property_fields(properties: Sequence[ExtendedProperty], count_max: int = PROPERTIES_MAX) -> list[Field]:
    """Give the children of ExtendedProperties; raise `CannotEncode` for what the API answers with a 400."""
    if len(properties) > count_max:
        raise CannotEncode(f"{len(properties)} extended properties; the API takes {count_max} here")
    names: set[str] = set()
    for each in properties:
        _check(each)
        if each.name in names:
            raise CannotEncode(f"the extended property {each.name} is named twice")
        names.add(each.name)
    return [("ExtendedProperty", [("Name", each.name), ("Value", each.value)]) for each in properties]


def _check(each: ExtendedProperty) -> None:
    if not _NAME.match(each.name):
        raise CannotEncode(
            f"the extended property {each.name[:PROPERTY_NAME_CHARACTERS_MAX]!r}: a name begins with a letter and has "
            "letters, digits and underscores only"
        )
    if len(each.name) > PROPERTY_NAME_CHARACTERS_MAX:
        raise CannotEncode(
            f"the name of an extended property has {len(each.name)} characters; the API takes "
            f"{PROPERTY_NAME_CHARACTERS_MAX}"
        )
    if each.value is not None and len(each.value) > PROPERTY_VALUE_CHARACTERS_MAX:
        raise CannotEncode(
            f"the value of the extended property {each.name} has {len(each.value)} characters; the API takes "
            f"{PROPERTY_VALUE_CHARACTERS_MAX}"
        )
