"""How an attempt can end, and what a person may say it has come to."""

from enum import StrEnum


class Outcome(StrEnum):
    """The one ending of an attempt."""

    SUCCEEDED = "succeeded"
    UNCHANGED = "unchanged"
    ROLLED_BACK = "rolled_back"
    SUSPENDED = "suspended"
    """It failed, and was suspended as the policy wants: an outage."""
    FAILED = "failed"
    """Nothing was changed."""
    SKIPPED = "skipped"
    """Preflight found that it cannot work; nothing was touched."""
    EXCLUDED = "excluded"
    """A person took it out: before anything was touched, or after somebody else's change took its place."""
    CANCELLED = "cancelled"
    """A person took it back before anything was touched."""
    RESOLVED = "resolved"
    """A person said what it has come to; what the deployment showed stands beside it."""


class Claim(StrEnum):
    """What a person says a service has come to (`resolve --as`)."""

    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    """Nothing was changed."""
    LEFT = "left"
    """It stays as it is, whatever that is."""
