"""What a look at a deployment can mean, where the service rollout stands."""

from enum import StrEnum


class Finding(StrEnum):
    """What a look at the deployment meant where the service rollout stood."""

    BEGUN = "begun"
    """Our change is in place, unlocked, and waits for its first walk."""
    CLEAR = "clear"
    """Nothing speaks against the next call."""
    WHOLE = "whole"
    """Staging is as it is to come to production, and serves: a swap may come."""
    SETTLED = "settled"
    """What was asked for is done and shows twice in a row: a walked domain, a status, a swap."""
    APPLIED = "applied"
    """The call whose answer was lost or refused did take effect."""
    NOT_APPLIED = "not_applied"
    RESTORED = "restored"
    """The deployment is back as it was, twice in a row."""
    NO_WAY_BACK = "no_way_back"
    """Our change is complete: the platform's Rollback is gone."""
    TURNED = "turned"
    """The rollback is accepted and waits to be walked, as ours does with Mode=Manual."""
    OVERDUE = "overdue"
    """A limit has passed, and the look was made after it."""
