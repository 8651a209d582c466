"""A secret that cannot be printed, stored or compared by accident; only `reveal` gives it away."""

import hmac
from collections import deque
from typing import Final, Never

HIDDEN: Final = "***"
KNOWN_MAX: Final = 256
"""How many values are remembered: more than a process has at once, tokens that were replaced lately included."""

_known: Final[deque[str]] = deque(maxlen=KNOWN_MAX)


class Secret:
    """A passphrase, token or key.

    Text of any kind shows `***`; JSON, msgspec and pickle refuse it. Its value is remembered by `known_values`, beyond
    its own life: a refused token may come back in an answer after it was replaced, and no log may show it then.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        if value in _known:
            _known.remove(value)
        _known.append(value)

    def reveal(self) -> str:
        """Give the value, to whom it is meant for."""
        return self._value

    def __str__(self) -> str:
        return HIDDEN

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __eq__(self, other: object) -> bool:
        """Compare in constant time, with another secret only."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    __hash__ = None  # type: ignore[assignment] # a hash would tell equal secrets apart from others, outside constant time

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce_ex__(self, protocol: object) -> Never:
        raise TypeError("a secret is neither pickled nor copied")


def known_values() -> tuple[str, ...]:
    """Give the values of the latest `KNOWN_MAX` secrets of this process."""
    return tuple(_known)
