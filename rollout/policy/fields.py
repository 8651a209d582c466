"""The fields of the document models by path: `waves[].strict`, `fleet.services.*.needs`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rollout.policy.model.base import Kind, Word
from rollout.policy.model.policy import Policy
from rollout.policy.tree import Loc, did_you_mean


@dataclass(frozen=True, slots=True)
class Known:
    """One field: its path, what pydantic knows of it, and the model it leads into, if any."""

    path: str
    info: FieldInfo
    model: type[BaseModel] | None


def named(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Give a model's fields under the names people write."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


@cache
def all_fields() -> dict[str, Known]:
    """Give every field of a policy, in document order."""
    return {known.path: known for known in _walk(Policy, "")}


def known_field(path: str) -> Known:
    """Find a field; indices and names of services may be left out. Raises ValueError with a suggestion."""
    plain = {_plain(known): found for known, found in all_fields().items()}
    wanted = _plain(path)
    for candidate in (wanted, f"fleet.{wanted}", re.sub(r"^(fleet\.)?services\.[^.]+", "fleet.services", wanted)):
        if candidate in plain:
            return plain[candidate]
    raise ValueError(f"unknown field `{path[:80]}`{_closest(wanted, list(plain))}")


def suggestion(model: type[BaseModel], loc: Loc) -> str:
    """Give the did-you-mean for a key `loc` that the models do not know; `model` is the root."""
    inside: Any = model
    for step in loc[:-1]:
        inside = descend(inside, step) or inside
    word, owner = str(loc[-1]), model_of(inside)
    places = [known for known in all_fields().values() if known.path.rpartition(".")[2] == word]
    if len({id(known.info) for known in places}) == 1:  # one field, though it may be reached on several ways
        home = min((known.path for known in places), key=len).rpartition(".")[0]
        return f"; it belongs to `{home}`" if home else "; it belongs to the top level"
    return did_you_mean(word, list(named(owner))) if owner else ""


def descend(annotation: Any, step: str | int) -> Any:
    """Give the type one step further in, or None when there is no such step."""
    if isinstance(step, int):
        return next((get_args(part)[0] for part in _parts(annotation) if get_origin(part) is tuple), None)
    for part in _parts(annotation):
        if isinstance(part, type) and issubclass(part, BaseModel) and step in named(part):
            return whole(named(part)[step])
        if get_origin(part) is dict:
            return get_args(part)[1]
    return None


def whole(info: FieldInfo) -> Any:
    """Give a field's type with its markers, which pydantic keeps apart."""
    annotation: Any = info.annotation
    for marker in info.metadata:
        annotation = Annotated[annotation, marker]
    return annotation


def model_of(annotation: Any) -> type[BaseModel] | None:
    """Give the model a type leads into, through optionals, lists and mappings."""
    for part in _parts(annotation):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
        if get_origin(part) in {tuple, dict} and (
            found := model_of(get_args(part)[-1 if get_origin(part) is dict else 0])
        ):
            return found
    return None


def kind_words(annotation: Any) -> str:
    """Say in words what a value looks like."""
    kinds = [found.words for found in _markers(annotation) if isinstance(found, Kind)]
    if kinds:
        return kinds[-1]
    bare = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    if get_origin(bare) in {Union, UnionType}:
        return ", or ".join(kind_words(option) for option in get_args(bare) if option is not type(None))
    for part in _parts(annotation):
        if get_origin(part) is Literal:
            return " or ".join(map(str, get_args(part)))
        if get_origin(part) is tuple:
            return f"a list of: {kind_words(get_args(part)[0])}"
        if get_origin(part) is dict:
            key, value = get_args(part)
            return f"a mapping of {kind_words(key)}: {kind_words(value)}"
        if isinstance(part, type) and issubclass(part, BaseModel):
            return f"a mapping of {', '.join(named(part))}"
    return "text"


def word_of(info: FieldInfo) -> str:
    """Say whose word the field is."""
    return next((found.source for found in info.metadata if isinstance(found, Word)), "rollout")


def _walk(model: type[BaseModel], prefix: str) -> Iterator[Known]:
    for name, info in named(model).items():
        path, annotation = f"{prefix}{name}", whole(info)
        inner = model_of(annotation)
        yield Known(path, info, inner)
        if inner is not None:
            yield from _walk(inner, f"{path}{_nesting(annotation)}.")


def _nesting(annotation: Any) -> str:
    for part in _parts(annotation):
        if get_origin(part) is tuple:
            return "[]"
        if get_origin(part) is dict:
            return ".*" + _nesting(get_args(part)[1])
    return ""


def _parts(annotation: Any) -> list[Any]:
    """Take markers and unions apart."""
    if get_origin(annotation) is Annotated:
        return _parts(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        return [part for option in get_args(annotation) for part in _parts(option)]
    return [annotation]


def _markers(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Annotated:
        inner, *markers = get_args(annotation)
        return [*_markers(inner), *markers]
    if get_origin(annotation) in {Union, UnionType}:
        options = [option for option in get_args(annotation) if option is not type(None)]
        return _markers(options[0]) if len(options) == 1 else []
    return []


def _plain(path: str) -> str:
    return re.sub(r"\[[0-9]*\]|\.\*", "", path)


def _closest(wanted: str, paths: list[str]) -> str:
    last = wanted.rpartition(".")[2]
    same = [path for path in paths if path.rpartition(".")[2] == last]
    return f"; did you mean `{min(same, key=len)}`?" if same else did_you_mean(wanted, paths)
