"""Request ids: 32 hexadecimal digits for each reply, the same for the same seed, known again without being kept."""

from dataclasses import dataclass
from typing import Final

from rollout.emulator import chance

_COUNTER_DIGITS: Final = 10
_ID_DIGITS: Final = 32


@dataclass(slots=True)
class RequestIds:
    """A counter behind keyed digits. An id carries its number, so a million polls need no memory."""

    seed: int
    _given: int = 0

    def next(self) -> str:
        """Give the next id."""
        self._given += 1
        return self._id(self._given)

    def was_given(self, request_id: str) -> bool:
        """Say whether some reply carried this id."""
        if len(request_id) != _ID_DIGITS:
            return False
        try:
            number = int(request_id[-_COUNTER_DIGITS:], 16)
        except ValueError:
            return False
        return 1 <= number <= self._given and self._id(number) == request_id

    def _id(self, number: int) -> str:
        digits = chance.hex_id(self.seed, "request", number)[: _ID_DIGITS - _COUNTER_DIGITS]
        return f"{digits}{number:0{_COUNTER_DIGITS}x}"
