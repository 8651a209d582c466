"""Frames: how the simulated journal lies on its disk, and how much of it can be believed after a death.

A frame is one transaction: its length and checksum, then its bytes. A torn tail is the end of a write that nobody was
told of, and is cut off; damage before the tail was acknowledged once, and refuses the start.
"""

import struct
import zlib
from collections.abc import Sequence
from typing import Final

from rollout.errors import JournalDamaged

_HEAD: Final = struct.Struct(">II")


def framed(payload: bytes) -> bytes:
    """Give the bytes of one frame."""
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def read_frames(data: bytes) -> tuple[Sequence[bytes], int]:
    """Give the payloads and the length that can be believed; what is behind it is a torn tail.

    Raises JournalDamaged, naming the offset, for a frame that does not fit and has others behind it.
    """
    payloads: list[bytes] = []
    place = 0
    while place + _HEAD.size <= len(data):
        length, checksum = _HEAD.unpack_from(data, place)
        payload = data[place + _HEAD.size : place + _HEAD.size + length]
        end = place + _HEAD.size + length
        if len(payload) < length:
            break
        if zlib.crc32(payload) != checksum:
            if end == len(data):
                break
            raise JournalDamaged(f"the journal is damaged at byte {place}: a frame does not fit its checksum")
        payloads.append(payload)
        place = end
    return payloads, place
