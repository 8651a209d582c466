"""A mistake of our own, told to people and to the log."""

from rollout.core.names import RolloutId

PLACES_MAX = 10


def broken(rollout: RolloutId, why: str) -> str:
    """Say what a mistake does to the rollout it happened in, and what to do."""
    return (
        f"{rollout} is not gone on with, because of a mistake in rollout itself ({why}); nothing is called for it. "
        "Please report this with the log; `retry` of the whole rollout, or a new start of the engine, takes it up again"
    )


def where(error: BaseException) -> list[str]:
    """Name the last places that an error passed, the innermost last."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        places.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno} {trace.tb_frame.f_code.co_name}")
        trace = trace.tb_next
    return places[-PLACES_MAX:]
