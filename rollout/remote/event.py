"""What a client is given: documents of the API, and what happens, in order."""

from typing import Any

import msgspec

Document = dict[str, Any]
"""A document of the API, as `/openapi.json` describes it; a newer daemon's may have more fields."""


class Submitted(msgspec.Struct, frozen=True):
    """A rollout that the daemon has; `created` = it had not before."""

    id: str
    created: bool


class Event(msgspec.Struct, frozen=True):
    """Something that happened, or (`snapshot`) how everything stands at first. `position` orders them."""

    kind: str
    position: int
    document: Document
