"""A platform's id of an operation, in the two spellings in which it appears. Pure."""

import uuid


def spellings(handle: str) -> tuple[str, str]:
    """Give it without and with dashes; an id that is no UUID is the same twice."""
    try:
        parsed = uuid.UUID(handle)
    except ValueError:
        return handle, handle
    return parsed.hex, str(parsed)
