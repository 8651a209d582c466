"""The JSON Schema for editors, and `explain`: both made from the models, so neither can drift from them."""

from typing import Any

from pydantic.fields import FieldInfo

from rollout.policy.duration import PATTERN, format_duration
from rollout.policy.fields import Known, kind_words, known_field, named, whole, word_of
from rollout.policy.model.fleet import Fleet
from rollout.policy.model.policy import Policy

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Give one JSON Schema for policies and fleet files."""
    whole_policy = Policy.model_json_schema(by_alias=True)
    whole_policy["$defs"] |= Fleet.model_json_schema(by_alias=True).get("$defs", {})
    definitions = {name: _for_editors(part) for name, part in whole_policy.pop("$defs").items()}
    definitions["Policy"] = _for_editors(whole_policy)
    return {
        "$schema": DIALECT,
        "title": "rollout policy or fleet",
        "description": "A policy says what changes, on which fleet, in which waves; a fleet file lists the services.",
        # The two are told apart as the reader does it, so an editor complains about one form only.
        "if": {"type": "object", "required": ["services"]},
        "then": {"$ref": "#/$defs/Fleet"},
        "else": {"$ref": "#/$defs/Policy"},
        "$defs": dict(sorted(definitions.items())),
    }


def explain(path: str) -> str:
    """Say what a field means, its type, its default and whose word it is; raises ValueError with a suggestion."""
    known = known_field(path)
    lines = [
        known.path,
        f"  type     {kind_words(whole(known.info))}",
        f"  default  {default_words(known.info)}",
        f"  word     {word_of(known.info)}",
        "",
        f"  {known.info.description}",
    ]
    return "\n".join([*lines, *_inner_lines(known)])


def default_words(info: FieldInfo) -> str:
    """Give a default as it would be written in a policy."""
    if info.is_required():
        return "none; must be given"
    default = info.get_default(call_default_factory=True)
    if info.default_factory is not None or default in ((), None):
        return "see below" if default else "none"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return format_duration(default)
    return ", ".join(map(str, default)) if isinstance(default, tuple) else str(default)


def _inner_lines(known: Known) -> list[str]:
    if known.model is None:
        return []
    fields = named(known.model)
    width = max(map(len, fields))
    told = [f"    {name:<{width}}  {_first_sentence(info)} [{default_words(info)}]" for name, info in fields.items()]
    return ["", "  fields [and defaults]:", *told]


def _first_sentence(info: FieldInfo) -> str:
    return str(info.description).partition(". ")[0].rstrip(".")


def _for_editors(part: Any) -> Any:
    """Write defaults as people write them, and drop null: a policy leaves a field out instead."""
    if isinstance(part, list):
        return [_for_editors(item) for item in part]
    if not isinstance(part, dict):
        return part
    made = {key: _for_editors(value) for key, value in part.items()}
    options = made.get("anyOf", [])
    if {"type": "null"} in options:
        made["anyOf"] = [option for option in options if option != {"type": "null"}]
        if made.get("default", 0) is None:
            del made["default"]
        if len(made["anyOf"]) == 1:
            made |= made.pop("anyOf")[0]
    if made.get("pattern") == PATTERN and isinstance(made.get("default"), float):
        made["default"] = format_duration(made["default"])
    return made
