"""The restricted YAML reader: one document, no tags, anchors, aliases, merge or duplicate keys; scalars stay text."""

import re
from collections.abc import Iterator
from typing import Protocol

import yaml

from rollout.errors import PolicyError, Problem
from rollout.policy.tree import Fields, Items, Place, Text, Value

POLICY_BYTES_MAX = 64 * 1024
FLEET_BYTES_MAX = 1024 * 1024
"""A fleet of 10,000 services with tags does not fit into a policy's 64 KiB."""
DEPTH_MAX = 20
_TOO_DEEP = f"is more than {DEPTH_MAX} levels deep"

_BAD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
# libyaml's event stream is the same and some fifty times quicker; a platform without it reads with the Python one.
_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(
    data: bytes,
    file: str,
    *,
    limit: int = POLICY_BYTES_MAX,
    loader: type[yaml.SafeLoader | yaml.CSafeLoader] = _LOADER,
) -> Value:
    """Read one document; raises PolicyError with every problem that can be seen at once.

    Only PyYAML's *events* are used, so nothing is resolved, constructed or expanded, and depth is checked before a
    level is entered.
    """
    builder = _Builder(file)
    try:
        builder.run(yaml.parse(_decode(data, file, limit), Loader=loader))
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        # The C reader has a limit of its own, and may meet it before it hands out the first level.
        deep = "nesting depth" in (error.problem or "")
        what = _TOO_DEEP if deep else f"is not YAML: {_words(error)}"
        builder.wrong(_place(file, at), what)
    except _TooDeep as error:
        builder.wrong(error.place, _TOO_DEEP)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        # Escapes beyond Unicode end in a bare ValueError; a reader deeper than the guard in RecursionError.
        builder.wrong(Place(file), f"is not YAML: {type(error).__name__}")
    if builder.problems or builder.root is None:
        raise PolicyError(builder.problems or [Place(file).problem("is empty; a mapping of fields is expected")])
    return builder.root


def _decode(data: bytes, file: str, limit: int) -> str:
    def refuse(message: str, line: int = 0, column: int = 0) -> PolicyError:
        return PolicyError([Place(file, line, column).problem(message)])

    if len(data) > limit:
        raise refuse(f"is larger than {limit // 1024} KiB, the limit for this kind of file")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise refuse("is UTF-16; save it as UTF-8 without a byte-order mark")
    if data.startswith(b"\xef\xbb\xbf"):
        raise refuse("starts with a byte-order mark; save it as UTF-8 without one")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise refuse("is not UTF-8", line, error.start - data.rfind(b"\n", 0, error.start)) from None
    found = re.search(f"\t|{_BAD.pattern}", text)
    if found is None:
        return text
    at = found.start()
    name = {"\t": "a tab; indent with spaces", "\0": "a NUL byte (is it UTF-16?)"}.get(found[0], "a control character")
    raise refuse(f"holds {name}", text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))


def _words(error: yaml.MarkedYAMLError) -> str:
    return " ".join(filter(None, (error.problem, error.context))) or "the text cannot be read"


class _Mark(Protocol):
    """A position of either reader, counted from 0."""

    line: int
    column: int


def _place(file: str, mark: _Mark | None) -> Place:
    return Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)


class _TooDeep(Exception):
    """Stops reading at the level that is one too many."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place


class _Builder:
    """Turns events into a tree and collects what is not allowed, each with its place."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.root: Value | None = None

    def wrong(self, place: Place, message: str) -> None:
        self.problems.append(place.problem(message))

    def run(self, events: Iterator[yaml.Event]) -> None:
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if event.tags:
                    self.wrong(self._place(event), "a %TAG directive is not allowed; write plain values")
                if documents > 1:
                    self.wrong(self._place(event), "a second document starts here; one file holds one document")
                    return
            elif isinstance(event, yaml.NodeEvent):
                self.root = self._node(event, events, 1)

    def _place(self, event: yaml.Event) -> Place:
        return _place(self.file, event.start_mark)

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Value:
        place = self._place(event)
        self._refuse_extras(event, place)
        if isinstance(event, yaml.ScalarEvent):
            return self._text(event, place)
        if isinstance(event, yaml.AliasEvent):
            return Text("", place)
        if depth > DEPTH_MAX:
            raise _TooDeep(place)
        if isinstance(event, yaml.SequenceStartEvent):
            items = Items(place)
            while not isinstance(event := next(events), yaml.SequenceEndEvent):
                items.append(self._node(event, events, depth + 1))
            return items
        fields = Fields(place)
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            self._entry(fields, event, events, depth)
        return fields

    def _refuse_extras(self, event: yaml.Event, place: Place) -> None:
        if isinstance(event, yaml.AliasEvent):
            self.wrong(place, f"the alias `*{str(event.anchor)[:40]}` is not allowed; write the value out")
        elif getattr(event, "anchor", None):
            self.wrong(place, "an anchor is not allowed; write the value out where it is needed")
        if getattr(event, "tag", None):
            self.wrong(place, "a tag is not allowed; write a plain value")

    def _text(self, event: yaml.ScalarEvent, place: Place) -> Text:
        if _BAD.search(event.value):
            self.wrong(place, "holds a control character")
        return Text(event.value, place, quoted=event.style in {"'", '"', "|", ">"})

    def _entry(self, fields: Fields, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> None:
        key, place = self._node(event, events, depth + 1), self._place(event)
        value = self._node(next(events), events, depth + 1)
        if not isinstance(key, Text):
            self.wrong(place, "a key must be text, not a list or a mapping")
        elif isinstance(event, yaml.AliasEvent):
            pass  # told already
        elif key == "<<" and not key.quoted:
            self.wrong(place, "the merge key `<<` is not allowed; shared defaults go into `extends`")
        elif not key:
            self.wrong(place, "a key is empty")
        elif key in fields:
            first = fields.keys_at[key]
            self.wrong(place, f"the key `{key[:80]}` is there twice, first in line {first.line}")
        else:
            fields.put(str(key), place, value)
