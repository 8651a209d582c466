"""`ROLLOUT_*` variables over the settings file: `ROLLOUT_LIMITS_REQUEST_TIMEOUT=10s` is `limits.request_timeout`."""

import re
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel

from rollout.errors import Problem
from rollout.settings.model import Settings
from rollout.settings.places import Path
from rollout.settings.problems import did_you_mean

PREFIX: Final = "ROLLOUT_"
CONFIG_VARIABLE: Final = "ROLLOUT_CONFIG"
_OURS: Final = ("ROLLOUT_LIMITS_", "ROLLOUT_ALLOW_")
"""Only a variable that begins so can be a misspelt setting; others serve other commands."""


def from_environment(environ: Mapping[str, str]) -> tuple[dict[Path, tuple[str, Any]], list[Problem]]:
    """Give what the environment sets, as path -> (variable, value), and what is wrong with it."""
    known = {PREFIX + "_".join(map(str, path)).upper(): (path, kind) for path, kind in _leaves(Settings, ())}
    found: dict[Path, tuple[str, Any]] = {}
    problems = []
    for variable, text in sorted(environ.items()):
        if variable in known:
            path, kind = known[variable]
            found[path] = (variable, _value(text, kind))
        elif variable.startswith(_OURS):
            problems.append(Problem(variable, 0, 0, "", f"sets nothing{did_you_mean(variable, known)}"))
    return found, problems


def _leaves(model: type[BaseModel], prefix: Path) -> Iterator[tuple[Path, type]]:
    """Walk the settings that are one value or a list of texts; tables whose keys people choose are for the file."""
    for name, field in model.model_fields.items():
        annotation = field.annotation
        options = [each for each in (annotation, *typing.get_args(annotation)) if isinstance(each, type)]
        inner = next((each for each in options if issubclass(each, BaseModel)), None)
        if inner is not None:
            yield from _leaves(inner, (*prefix, name))
        elif typing.get_origin(annotation) is not dict:
            kind = bool if annotation is bool else tuple if "tuple" in str(annotation) else str
            yield (*prefix, name), kind


def _value(text: str, kind: type) -> Any:
    if kind is bool and text in {"true", "false"}:
        return text == "true"
    if kind is tuple:
        return [each.strip() for each in text.split(",") if each.strip()]
    if re.fullmatch(r"-?[0-9]{1,12}", text):
        return int(text)
    if re.fullmatch(r"-?[0-9]{1,12}\.[0-9]{1,9}", text):
        return float(text)
    return text
