"""Where a page of a listing names the next one."""

from rollout.platforms.classic.decode_listing import OperationsRead, RunningRead
from rollout.platforms.classic.decode_service import ServicesRead
from rollout.platforms.classic.exchange import Exchange, Reply
from rollout.platforms.classic.vocabulary import CONTINUATION_HEADER


def mark_in_header(exchange: Exchange, _page: ServicesRead) -> str | None:
    """Read it from a header; None = this is the last page."""
    values = exchange.header_values(CONTINUATION_HEADER) if isinstance(exchange, Reply) else ()
    return values[0] or None if values else None


def mark_in_body(_exchange: Exchange, page: OperationsRead | RunningRead) -> str | None:
    """Read it from the document; None = this is the last page."""
    return page.continuation
