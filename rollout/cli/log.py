"""The log of the command line: warnings and up, one line each, on stderr, without secrets."""

import logging
import os
import sys
from functools import partial
from typing import Any

import structlog
from structlog import ReturnLogger

from rollout.settings.redaction import redact_event
from rollout.views.text import printable

ENTRIES_LOGGER = "rollout.engine"
"""Logs one event for each entry. A run tells its entries as words, table or lines, so they are not logged besides."""
ENTRIES_VARIABLE = "ROLLOUT_LOG"
"""Set to anything, it logs entries too."""


def log_to_stderr(level: int = logging.WARNING, *, entries: bool | None = None) -> None:
    """Configure structlog for this process. Only the command line does so; the library logs where it is told to."""
    if entries is None:
        entries = bool(os.environ.get(ENTRIES_VARIABLE))
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact_event,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], drop_missing=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=partial(_logger, entries=entries),
        cache_logger_on_first_use=False,
    )


def _logger(name: str = "", *_: Any, entries: bool) -> "_Stderr | ReturnLogger":
    return _Stderr() if entries or name != ENTRIES_LOGGER else ReturnLogger()


class _Stderr:
    """Writes to whatever stderr is at that moment: a live table puts its own in the way, to print above itself."""

    def msg(self, message: str) -> None:
        """Write one line."""
        sys.stderr.write(f"{printable(message)}\n")

    debug = info = warning = error = critical = exception = msg
