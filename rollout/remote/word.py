"""A word on its way to a daemon: for whom it is, as a path and a body. Pure."""

from typing import Any
from urllib.parse import quote

from rollout.errors import UsageError
from rollout.views.choosing import EVERYTHING, Selection


def path_to(*names: str) -> str:
    """Give the path of a document; whatever is in a name stays in its part."""
    return "/v1/" + "/".join(quote(name, safe="") for name in names)


def word(verb: str, target: str, selection: Selection, said: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Give the rollout a word is for, and the body that says it. Raises UsageError."""
    rollout, _, service = target.partition("/")
    if not rollout or (service and selection != EVERYTHING):
        raise UsageError(f"{target!r} is no target: give ID, ID/SERVICE, or ID with a wave, a selection or a phase")
    fields = {name: value for name, value in said.items() if value not in (None, (), False, "")}
    return rollout, {"verb": verb} | fields | ({"service": service} if service else selection.fields)
