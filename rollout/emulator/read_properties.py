"""Reading ExtendedProperties: names and values within their limits."""

import re
from typing import Final

from lxml import etree

from rollout.emulator.read_elements import Child, Reader
from rollout.emulator.refusals import bad_request
from rollout.platforms.classic.vocabulary import (
    PROPERTIES_MAX,
    PROPERTY_NAME_CHARACTERS_MAX,
    PROPERTY_VALUE_CHARACTERS_MAX,
)

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


def read_properties(
    parent: etree._Element | None, reader: Reader, *, most: int = PROPERTIES_MAX
) -> tuple[tuple[str, str | None], ...]:
    """Give (name, value) pairs; a missing or nil value is none. Raises Refusal."""
    if parent is None:
        return ()
    items = reader.items(parent, "ExtendedProperty")
    if len(items) > most:
        raise bad_request(f"At most {most} extended properties are allowed.")
    pairs: list[tuple[str, str | None]] = []
    seen: set[str] = set()
    for item in items:
        found = reader.children(item, (Child("Name", required=True), Child("Value")))
        name = found.text("Name")
        if len(name) > PROPERTY_NAME_CHARACTERS_MAX or not _NAME.match(name):
            raise bad_request(
                f"The name of an extended property has at most {PROPERTY_NAME_CHARACTERS_MAX} letters, digits and"
                " underscores, and begins with a letter.",
            )
        if name in seen:
            raise bad_request("Two extended properties have one name.")
        seen.add(name)
        value = found.text("Value") if found.has("Value") else None
        if value is not None and len(value) > PROPERTY_VALUE_CHARACTERS_MAX:
            raise bad_request(f"An extended property's value has at most {PROPERTY_VALUE_CHARACTERS_MAX} characters.")
        pairs.append((name, value))
    return tuple(pairs)
