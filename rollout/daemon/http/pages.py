"""Lists in pages: a limit, an opaque cursor, and where the next page begins."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, TypeVar

from pydantic import Field, StringConstraints

from rollout.daemon.http.problem import Refused
from rollout.daemon.http.route import Query

LIMIT_MAX: Final = 500
CURSOR_CHARS_MAX: Final = 400

T = TypeVar("T")


class PageQuery(Query):
    """How much of a list, and from where."""

    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX)] = 100
    cursor: Annotated[str, StringConstraints(max_length=CURSOR_CHARS_MAX)] | None = None


def page(items: Sequence[T], query: PageQuery, key: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
    """Cut the page out of a list in which every item has a key of its own, and give the cursor of the next one."""
    start = 0
    if query.cursor is not None:
        after = read_cursor(query.cursor)
        keys = [key(item) for item in items]
        if after not in keys:
            raise Refused(400, "this cursor leads nowhere any more", instead="the list without a cursor")
        start = keys.index(after) + 1
    found = items[start : start + query.limit]
    more = start + query.limit < len(items)
    return found, cursor(key(found[-1])) if more and found else None


def listed(items: Sequence[Any], following: str | None, position: int) -> dict[str, Any]:
    """Give the document of a page."""
    return {"items": items, "next": following, "position": position}


def cursor(key: str) -> str:
    """Make a cursor: whoever builds on what is in it is mistaken."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def read_cursor(text: str) -> str:
    """Read a cursor of ours. Raises Refused (400)."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise Refused(400, "this is no cursor that a list gave") from None
