"""JSON that means one thing only: UTF-8, no key twice, no number that is none, no text that cannot be written back."""

import json
import math
from typing import Any, Final

from rollout.daemon.http.problem import Refused

DEPTH_MAX: Final = 32
DIGITS_MAX: Final = 18
"""Whole numbers beyond 64 bits mean nothing here."""


def read_json(body: bytes) -> dict[str, Any]:
    """Give the object that a body is. Raises Refused (400)."""
    if body.startswith(b"\xef\xbb\xbf"):
        raise Refused(400, "the body begins with a byte-order mark; send plain UTF-8")
    try:
        document = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_no_number,
            parse_float=_finite,
            parse_int=_short,
        )
    except UnicodeDecodeError:
        raise Refused(400, "the body is not UTF-8") from None
    except RecursionError:
        raise Refused(400, f"the body is nested deeper than {DEPTH_MAX}") from None
    except json.JSONDecodeError as error:
        raise Refused(400, f"the body is no JSON: {error.msg} at byte {error.pos}") from None
    _walk(document)
    if not isinstance(document, dict):
        raise Refused(400, "the body must be an object")
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Refused(400, f"the key {twice[:80]!a} stands twice in one object")
    return found


def _no_number(word: str) -> Any:
    raise Refused(400, f"{word} is no number of JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise Refused(400, "a number is larger than any that can be kept")
    return value


def _short(digits: str) -> int:
    if len(digits.lstrip("-")) > DIGITS_MAX:
        raise Refused(400, f"a whole number has more than {DIGITS_MAX} digits")
    return int(digits)


def _walk(document: Any) -> None:
    """Look at every text and at the depth, without recursion."""
    waiting = [(document, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > DEPTH_MAX:
            raise Refused(400, f"the body is nested deeper than {DEPTH_MAX}")
        if isinstance(value, str):
            _whole(value)
        elif isinstance(value, list):
            waiting += [(each, depth + 1) for each in value]
        elif isinstance(value, dict):
            for name in value:
                _whole(name)
            waiting += [(each, depth + 1) for each in value.values()]


def _whole(text: str) -> None:
    if "\0" in text:
        raise Refused(400, "a text holds a NUL")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Refused(400, "a text holds half of a surrogate pair") from None
