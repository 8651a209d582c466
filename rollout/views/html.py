"""HTML and SVG as values: whatever is text stays text, for only this file can make mark-up. Pure."""

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

Attribute = str | int | float | None
_VOID: Final = frozenset({"meta", "rect", "line", "circle", "path", "polyline"})
_DIGITS: Final = 1


class Markup(str):
    """Mark-up that is safe because `tag` made it. Anything else is text, and is escaped."""

    __slots__ = ()


def tag(kind: str, /, *inner: "str | Iterable[Markup]", **attributes: Attribute) -> Markup:
    """Make an element. `class_` and such lose their underscore at the end, others become dashes; None = left out.

    Names are ours and never come from outside; values and texts may.
    """
    shown = "".join(
        f' {_name(key)}="{escape(_value(value), quote=True)}"' for key, value in attributes.items() if value is not None
    )
    if kind in _VOID and not inner:
        return Markup(f"<{kind}{shown}>" if kind == "meta" else f"<{kind}{shown}/>")
    return Markup(f"<{kind}{shown}>{join(inner)}</{kind}>")


def join(parts: "Iterable[str | Iterable[Markup]]") -> Markup:
    """Put parts together: mark-up as it is, text escaped."""
    return Markup("".join(_part(part) for part in parts))


def style(css: str) -> Markup:
    """Make a style sheet of our own; a page's policy names its digest, so nothing else is taken for one."""
    if "<" in css:
        raise ValueError("a style sheet of ours has no mark-up in it")
    return Markup(f"<style>{css}</style>")


def _part(part: "str | Iterable[Markup]") -> str:
    if isinstance(part, Markup):
        return part
    if isinstance(part, str):
        return escape(part, quote=True)
    return join(part)


def _name(key: str) -> str:
    return key.rstrip("_").replace("__", ":").replace("_", "-") if key != "viewBox" else key


def _value(value: Attribute) -> str:
    return f"{round(value, _DIGITS):g}" if isinstance(value, float) else str(value)
