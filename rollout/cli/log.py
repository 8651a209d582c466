"""The log of the command line: warnings and up, one line each, on stderr, without secrets."""

import logging
import sys
from typing import Any

import structlog

from rollout.cli.text import printable
from rollout.settings.redaction import redact_event


def log_to_stderr(level: int = logging.WARNING) -> None:
    """Configure structlog for this process. Only the command line does so; the library logs where it is told to."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact_event,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], drop_missing=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Stderr,
        cache_logger_on_first_use=False,
    )


class _Stderr:
    """Writes to whatever stderr is at that moment: a live table puts its own in the way, to print above itself."""

    def __init__(self, *_: Any) -> None:
        pass

    def msg(self, message: str) -> None:
        """Write one line."""
        sys.stderr.write(f"{printable(message)}\n")

    debug = info = warning = error = critical = exception = msg
