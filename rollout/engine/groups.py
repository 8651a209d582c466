"""Takes the wrapping of task groups off, so that whoever waits for an engine meets the error itself."""

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def unwrapped() -> Iterator[None]:
    """Raise the first error of a group instead of the group; the others stay with it as notes."""
    try:
        yield
    except BaseExceptionGroup as group:
        first, *others = leaves(group)
        for other in others:
            first.add_note(f"at the same time: {type(other).__name__}: {other}")
        raise first from first.__cause__


def leaves(error: BaseException) -> list[BaseException]:
    """Give the errors inside a group of groups, in order."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [error]
