"""A mistake of our own, told to people and to the log."""

import traceback
from typing import Final

from rollout.core.names import RolloutId

PLACES_MAX: Final = 10


def broken(rollout: RolloutId, why: str) -> str:
    """Say what a mistake does to the rollout it happened in, and what to do."""
    return (
        f"{rollout} is not gone on with, because of a mistake in rollout itself ({why}); nothing is called for it. "
        "Please report this with the log; `retry` of the whole rollout, or a new start of the engine, takes it up again"
    )


def where(error: BaseException) -> list[str]:
    """Name the last places that an error passed, the innermost last."""
    places = traceback.extract_tb(error.__traceback__)[-PLACES_MAX:]
    return [f"{place.filename}:{place.lineno} {place.name}" for place in places]
