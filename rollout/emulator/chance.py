"""Keyed chance: the same seed and key always give the same draw, whatever was drawn before."""

from hashlib import blake2b
from typing import Final

_FRACTION_BITS: Final = 53  # what a float holds exactly


def unit(seed: int, *key: str | int) -> float:
    """Draw from [0, 1)."""
    return (_number(seed, key, size=8) >> (64 - _FRACTION_BITS)) / (1 << _FRACTION_BITS)


def hex_id(seed: int, *key: str | int) -> str:
    """Draw 32 lower-case hexadecimal digits, the shape of a request id."""
    return f"{_number(seed, key, size=16):032x}"


def _number(seed: int, key: tuple[str | int, ...], *, size: int) -> int:
    # Each part carries its length and kind, so that no two keys share a text.
    texts = [(type(part).__name__, str(part)) for part in (seed, *key)]
    text = "".join([f"{kind}{len(part)}:{part};" for kind, part in texts])
    return int.from_bytes(blake2b(text.encode(), digest_size=size).digest(), "big")
