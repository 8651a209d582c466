"""A value inside a JSON document by a path such as `components[0].status`, as the text people compare it with."""

import re
from typing import Any, Final

import msgspec

_STEP: Final = re.compile(r"\[([0-9]{1,6})\]|([A-Za-z_][\w-]*)")


def value_at(document: Any, path: str) -> str | None:
    """Give the value as text: a text as it is, anything else as JSON; None = there is no such thing."""
    for index, name in _STEP.findall(path):
        if name and isinstance(document, dict) and name in document:
            document = document[name]
        elif index and isinstance(document, list) and int(index) < len(document):
            document = document[int(index)]
        else:
            return None
    return document if isinstance(document, str) else msgspec.json.encode(document).decode()
