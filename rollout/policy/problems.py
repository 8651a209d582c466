"""pydantic's verdicts, told to a release engineer: in plain words, each at its place in the document."""

from collections.abc import Iterable
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rollout.errors import Problem
from rollout.policy.fields import suggestion
from rollout.policy.model.scalars import kind_of
from rollout.policy.tree import Fields, Text, Value, did_you_mean, find, shown

M = TypeVar("M", bound=BaseModel)

PROBLEMS_MAX = 100
_KEY = "[key]"
_SENTENCES = {
    "greater_than_equal": "must be at least {ge}, not {value}",
    "less_than_equal": "must be at most {le}, not {value}",
    "greater_than": "must be longer than 0s",
    "too_short": "is empty",
    "too_long": "has more than {max_length} entries, the limit",
    "tuple_type": "must be a list, not {value}",
    "model_type": "must be a mapping, not {value}",
    "dict_type": "must be a mapping, not {value}",
}


def read_model(model: type[M], tree: Value) -> tuple[M | None, list[Problem]]:
    """Give the document, or everything that is wrong with it."""
    if not isinstance(tree, Fields):
        written = f"the text {shown(tree)}" if isinstance(tree, Text) else kind_of(tree)
        return None, [tree.place.problem(f"must be a mapping of fields, not {written}")]
    try:
        return model.model_validate(tree), []
    except ValidationError as error:
        # pydantic also calls a list too short when its items are wrong; the items have been told then.
        details = [d for d in error.errors(include_url=False) if d["type"] != "too_short" or not d["input"]]
        found = (_problem(model, tree, detail) for detail in details)
        return None, in_order(found)


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Sort problems by place, once each; files stay in the order in which they were first named."""
    unique = list(dict.fromkeys(problems))
    files = {problem.file: number for number, problem in reversed(list(enumerate(unique)))}
    unique.sort(key=lambda problem: (files[problem.file], problem.line, problem.column))
    if len(unique) <= PROBLEMS_MAX:
        return unique
    more = Problem(unique[-1].file, 0, 0, "", f"and {len(unique) - PROBLEMS_MAX} more problems")
    return [*unique[:PROBLEMS_MAX], more]


def _problem(model: type[BaseModel], tree: Fields, detail: ErrorDetails) -> Problem:
    loc = detail["loc"]
    about_key = _KEY in loc or detail["type"] == "extra_forbidden"
    place, written = find(tree, loc, key=about_key)
    if detail["type"] == "missing":
        return place.problem(f"needs the field `{loc[-1]}`", written)
    if detail["type"] == "extra_forbidden":
        return place.problem(f"unknown field {shown(loc[-1])}{suggestion(model, loc)}", written)
    return place.problem(_words(detail), written)


def _words(detail: ErrorDetails) -> str:
    """Give the sentence for pydantic's error type; a type that is not listed is named without its jargon."""
    value, context = detail["input"], detail.get("ctx", {})
    if detail["type"] == "wrong":
        return detail["msg"]
    if detail["type"] == "literal_error":
        return _choice(value, str(context["expected"]))
    if detail["type"] == "too_long" and isinstance(value, str):
        return f"is longer than {context['max_length']} characters"
    sentence = _SENTENCES.get(detail["type"], f"cannot be used ({detail['type'].replace('_', ' ')})")
    return sentence.format(value=_written(value), **context)


def _choice(value: object, expected: str) -> str:
    known = [option.strip("'") for option in expected.replace(" or ", ", ").split(", ")]
    choice = f"must be {expected.replace(chr(39), '')}, not {_written(value)}"
    return choice + (did_you_mean(value, known) if isinstance(value, str) and len(known) > 1 else "")


def _written(value: object) -> str:
    if isinstance(value, str):
        return shown(value) if value else "empty"
    return kind_of(value)
