"""A word on its way to a daemon: for whom it is, as a path and a body. Pure."""

from typing import Any, Final
from urllib.parse import quote

import msgspec

from rollout.errors import UsageError


class Selection(msgspec.Struct, frozen=True):
    """Some of a rollout's services; what is None does not narrow."""

    wave: str | None = None
    select: str | None = None
    phase: str | None = None

    @property
    def fields(self) -> dict[str, str]:
        """Give what was said, by name."""
        named = {"wave": self.wave, "select": self.select, "phase": self.phase}
        return {name: value for name, value in named.items() if value is not None}


EVERYTHING: Final = Selection()


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
