"""What shows that a change of ours is on a deployment: a token in its Label, or the configuration it was given."""

import msgspec

from rollout.core.snapshot import Before, Sighting, Snapshot


class Mark(msgspec.Struct, frozen=True):
    """By the one or by the other: a change of configuration has no Label."""

    token: str | None = None
    """The Label ends with it."""
    key: str | None = None
    """The configuration has this canonical digest."""


def carries(seen: Snapshot, mark: Mark) -> bool:
    """Tell whether the deployment shows the mark."""
    if mark.token is not None:
        return seen.release.endswith(mark.token)
    return mark.key is not None and seen.key == mark.key


def was_seen(saw: Sighting, mark: Mark) -> bool:
    """Tell whether the deployment was seen to show the mark."""
    return saw.release.endswith(mark.token) if mark.token is not None else mark.key is not None and saw.key == mark.key


def shows_before(seen: Snapshot, before: Before, mark: Mark | None) -> bool:
    """Tell whether the deployment shows what it showed before a change that is known by `mark`."""
    if mark is not None and mark.token is None:
        return seen.key == before.key and seen.release == before.release
    return seen.release == before.release


def without_token(label: str) -> str:
    """Give the user's part of a label."""
    user, space, last = label.rpartition(" ")
    return user if space and last.startswith("[ro:") and last.endswith("]") else label
