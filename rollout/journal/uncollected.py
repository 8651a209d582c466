"""Many objects made at once that all stay: the collector would visit them again and again, and find nothing."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Keep the collector from looking for cycles for the time of the block, unless it is kept from that already."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
