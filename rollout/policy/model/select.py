"""Which services a wave takes: names, tags, a share of the fleet, a count, or the rest."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from pydantic import PlainValidator, WithJsonSchema

from rollout.policy.model.base import Kind, in_words
from rollout.policy.model.scalars import kind_of
from rollout.policy.tree import did_you_mean, shown


@dataclass(frozen=True, slots=True)
class Names:
    """These services, in the order of the fleet."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TagTerm:
    """One `tag:key`, `tag:key=value` or `!tag:key`; without a value: the tag is there and is not `false`."""

    key: str
    value: str | None = None
    negated: bool = False

    def matches(self, tags: dict[str, str]) -> bool:
        """Say whether a service with these tags is meant."""
        there = tags.get(self.key, "false") != "false" if self.value is None else tags.get(self.key) == self.value
        return there is not self.negated


@dataclass(frozen=True, slots=True)
class Tagged:
    """The services for which every term holds."""

    terms: tuple[TagTerm, ...]

    def matches(self, tags: dict[str, str]) -> bool:
        """Say whether a service with these tags is meant."""
        return all(term.matches(tags) for term in self.terms)


@dataclass(frozen=True, slots=True)
class Share:
    """A percentage of the whole fleet, rounded up, at least one; taken in turn from each value of tag `spread`."""

    percent: int
    spread: str | None = None


@dataclass(frozen=True, slots=True)
class Take:
    """The next so many; taken in turn from each value of tag `spread`."""

    count: int
    spread: str | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """Everything no earlier wave took."""


Selector: TypeAlias = Names | Tagged | Share | Take | Rest

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_TERM = re.compile(r"(!?)\s*tag:([A-Za-z0-9_-]{1,64})(?:=([A-Za-z0-9][A-Za-z0-9._-]{0,63}))?")
PERCENT_MAX = 100
_HELP = "write service names, `tag:x & !tag:y`, `10%`, a count, or `rest`"


def parse_selector(value: Any) -> Selector:
    """Read a selector; raises ValueError."""
    if isinstance(value, Names | Tagged | Share | Take | Rest):
        return value
    if isinstance(value, dict):
        return _long(value)
    if isinstance(value, list):
        return _names(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return _number(str(value), None)
    if not isinstance(value, str):
        raise ValueError(f"must select services, not {kind_of(value)}; {_HELP}")  # noqa: TRY004 - pydantic wants ValueError
    text = value.strip()
    if text == "rest":
        return Rest()
    if "tag:" in text or "&" in text:
        return Tagged(tuple(_term(term.strip()) for term in text.split("&")))
    if re.fullmatch(r"-?[0-9.]+\s*%?", text):
        return _number(text, None)
    return _names(text.split(","))


def _long(value: dict[str, Any]) -> Selector:
    """Read `{take: 10%, spread: region}`."""
    for key in value:
        if key not in {"take", "spread"}:
            raise ValueError(f"unknown field {shown(key)}{did_you_mean(key, ('take', 'spread'))}")
    take, spread = value.get("take"), value.get("spread")
    if not isinstance(take, str | int):
        raise ValueError("needs `take`, a percentage or a count, such as `{take: 10%, spread: region}`")  # noqa: TRY004 - as above
    if spread is not None and not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", str(spread)):
        raise ValueError(f"`spread` must name a tag, not {shown(spread)}")
    return _number(str(take).strip(), spread and str(spread))


def _number(text: str, spread: str | None) -> Selector:
    found = re.fullmatch(r"([1-9][0-9]{0,5})(\s*%)?", text)
    if found is None:
        raise ValueError(f"{shown(text)} must be a whole percentage from 1% to 100%, or a count of at least 1")
    number = int(found[1])
    if found[2] is None:
        return Take(number, spread)
    if number > PERCENT_MAX:
        raise ValueError(f"{shown(text)} is more than 100%")
    return Share(number, spread)


def _term(text: str) -> TagTerm:
    found = _TERM.fullmatch(text)
    if found is None:
        raise ValueError(f"{shown(text)} is not a tag term; write `tag:x`, `tag:x=value` or `!tag:x`, joined by `&`")
    return TagTerm(found[2], found[3], negated=found[1] == "!")


def _names(values: list[Any]) -> Names:
    names = [value.strip() if isinstance(value, str) else "" for value in values]
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{shown(name)} is not a service name; {_HELP}")
    if not names:
        raise ValueError(f"selects nothing; {_HELP}")
    return Names(tuple(names))


Select: TypeAlias = Annotated[
    Selector,
    Kind("names, `tag:x & !tag:y`, `10%`, a count, `rest`, or {take, spread}"),
    PlainValidator(in_words(parse_selector)),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "integer", "minimum": 1},
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
                {
                    "type": "object",
                    "properties": {"take": {"type": ["string", "integer"]}, "spread": {"type": "string"}},
                    "required": ["take"],
                    "additionalProperties": False,
                },
            ],
            "examples": ["rest", "10%", "tag:canary & !tag:slow", ["web-01", "web-02"]],
        }
    ),
]
