"""Bounds as people write them: `< 0.01`, `80%`, a query with its bound behind it, and a path into JSON."""

import re
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator, WithJsonSchema

from rollout.policy.model.base import Kind, in_words, wrong
from rollout.policy.model.scalars import matching, to_line
from rollout.policy.tree import shown

_NUMBER: Final = r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?(?:[eE]-?[0-9]{1,2})?"
_BOUND: Final = re.compile(rf"(<=|>=|<|>)\s*({_NUMBER})")
_MEASURE: Final = re.compile(rf"(.*\S)\s*((?:<=|>=|<|>)\s*{_NUMBER})")
_SHARE: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3})?)%")
_PARTNER: Final = {")": "(", "]": "[", "}": "{"}
_QUOTED: Final = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`")


def parse_bound(text: str) -> tuple[str, float]:
    """Take `< 0.01` apart; raises ValueError."""
    found = _BOUND.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{shown(text)} is no bound; write it like `< 0.01`, with <, <=, > or >=")
    return found[1], float(found[2])


def split_measure(value: Any) -> Any:
    """Write the short form `query < 0.01` out; raises `wrong`."""
    if not isinstance(value, str):
        return value
    found = _MEASURE.fullmatch(in_words(to_line)(value).strip())
    if found is None:
        raise wrong(f"{shown(value)} has no bound; write it like `error_rate < 0.01`")
    return {"query": found[1], "threshold": found[2]}


def query_fault(query: str) -> str | None:
    """Say what is wrong with a query, as far as its brackets and quotes tell; the rest only its server knows."""
    bare = _QUOTED.sub("", query)
    if any(quote in bare for quote in "\"'`"):
        return "has a quote without its partner"
    open_ = list[str]()
    for char in bare:
        if char in _PARTNER.values():
            open_.append(char)
        elif char in _PARTNER and (not open_ or open_.pop() != _PARTNER[char]):
            return f"has a `{char}` without its partner"
    return f"has a `{open_[-1]}` without its partner" if open_ else None


def _bound(value: Any) -> str:
    text = to_line(value).strip()
    parse_bound(text)
    return text


def _query(value: Any) -> str:
    text = to_line(value)
    if fault := query_fault(text):
        raise ValueError(fault)
    return text


def _share(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        part = float(value)
    else:
        found = _SHARE.fullmatch(to_line(value))
        if found is None:
            raise ValueError(f"{shown(value)} must be a share such as `80%`")
        part = float(found[1]) / 100
    if not 0 <= part <= 1:
        raise ValueError(f"{shown(value)} must be a share from 0% to 100%")
    return part


Threshold: TypeAlias = Annotated[str, Kind("a bound such as `< 0.01`"), BeforeValidator(in_words(_bound))]
Query: TypeAlias = Annotated[str, Kind("a query of the server"), BeforeValidator(in_words(_query))]
Share: TypeAlias = Annotated[
    float,
    Kind("a share such as `80%`"),
    BeforeValidator(in_words(_share)),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,3})?%$"}),
]
JsonPath: TypeAlias = Annotated[
    str,
    Kind("a path such as `checks.db[0].state`"),
    BeforeValidator(
        matching(
            r"(?:[A-Za-z_][\w-]*|\[[0-9]{1,6}\])(?:\.[A-Za-z_][\w-]*|\[[0-9]{1,6}\])*",
            "names and numbers such as `checks.db[0].state`",
        )
    ),
]
LabelName: TypeAlias = Annotated[
    str,
    Kind("the name of a label"),
    BeforeValidator(matching(r"[A-Za-z_][A-Za-z0-9_]{0,63}", "letters, digits and underscores, no digit first")),
]
HeaderName: TypeAlias = Annotated[
    str, Kind("the name of a header"), BeforeValidator(matching(r"[A-Za-z0-9-]{1,64}", "letters, digits and dashes"))
]
