"""How an attempt can end."""

from enum import StrEnum


class Outcome(StrEnum):
    """The one ending of an attempt."""

    SUCCEEDED = "succeeded"
    UNCHANGED = "unchanged"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    """Nothing was changed."""
    SKIPPED = "skipped"
    """Preflight found that it cannot work; nothing was touched."""
