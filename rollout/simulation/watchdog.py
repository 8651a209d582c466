"""L2, second half: a loop without an await never reaches the budget of steps, so its seconds of processor are counted.

It takes SIGVTALRM while it is armed, so only programs arm it: the command line and the tests.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Final

from rollout.simulation.loop import VirtualLoopError

CPU_S_PER_SERVICE: Final = 5.0
"""One seed of one service takes a tenth of a second, or a few over HTTP."""
AGAIN_S: Final = 0.5
"""Whoever swallows the first alarm gets another one."""


class Spins(VirtualLoopError):
    """The program used up its seconds of processor: most likely it turns in a circle without an await."""


@contextlib.contextmanager
def armed(cpu_s: float | None) -> Iterator[None]:
    """Raise Spins in the block after so many seconds of processor; not at all with None, or where there is no alarm."""
    if cpu_s is None or not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def bark(*_: object) -> None:
        raise Spins(f"more than {cpu_s:g} seconds of processor for one seed: it turns in a circle without an await")

    before = signal.signal(signal.SIGVTALRM, bark)
    signal.setitimer(signal.ITIMER_VIRTUAL, cpu_s, AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
        signal.signal(signal.SIGVTALRM, before)
