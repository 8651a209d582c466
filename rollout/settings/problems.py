"""pydantic's verdicts on settings in plain words; a value that may be a secret is never quoted."""

import difflib
import typing
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from rollout.settings.places import Path

SHOWN_CHARS_MAX: Final = 60
_KEY: Final = "[key]"
_SECRET_FIELDS: Final = frozenset({"text", "passphrase"})
_SENTENCES: Final = {
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "is empty",
    "string_pattern_mismatch": "must be a name of letters, digits and underscores",
    "too_long": "has more than {max_length} entries, the limit",
    "finite_number": "must be a finite number",
}


def path_of(detail: ErrorDetails) -> Path:
    """Give where in the document a verdict stands."""
    return tuple(part for part in detail["loc"] if part != _KEY)


def sentence(model: type[BaseModel], detail: ErrorDetails) -> str:
    """Say what is wrong, without the path."""
    kind, path = detail["type"], path_of(detail)
    if kind == "wrong":
        return detail["msg"]
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return f"is no setting{did_you_mean(str(path[-1]), _fields_at(model, path[:-1]))}"
    told = _SENTENCES.get(kind, f"cannot be used ({kind.replace('_', ' ')})").format(**detail.get("ctx", {}))
    value = detail["input"]
    if isinstance(value, dict | list) or not _SECRET_FIELDS.isdisjoint(map(str, path)):
        return told
    return f"{told}, not {_shown(value)}"


def did_you_mean(word: str, known: typing.Iterable[str]) -> str:
    """Give `; did you mean X?` for the closest known word, or nothing."""
    close = difflib.get_close_matches(word[:100], list(known), n=1, cutoff=0.55)
    return f"; did you mean `{close[0]}`?" if close else ""


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value).lower()
    return text if len(text) <= SHOWN_CHARS_MAX else f"{text[:SHOWN_CHARS_MAX]}…"


def _fields_at(model: type[BaseModel], path: Path) -> list[str]:
    """Give the names that are known where a path leads."""
    for part in path:
        inner = _model_in(model.model_fields[str(part)].annotation) if part in model.model_fields else model
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Find the model inside `X | None`, `dict[Name, X]` or `Annotated[X, …]`."""
    if typing.get_origin(annotation) is None and isinstance(annotation, type):
        return annotation if issubclass(annotation, BaseModel) else None
    return next((found for each in typing.get_args(annotation) if (found := _model_in(each))), None)
