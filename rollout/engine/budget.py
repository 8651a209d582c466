"""How many repeats of failed calls one scope may make in vain: a tenth of its calls, and a few for small fleets."""

from typing import Final

SHARE: Final = 0.1
"""Repeats for each first try."""
STOCK_MAX: Final = 10.0
"""Repeats saved up at most, and there from the start."""
FLOOR_S: Final = 60.0
"""One repeat is earned in so many seconds even where nothing else is asked."""
ROUNDING: Final = 1e-9


class Budget:
    """The repeats of one scope. Arithmetic; times are engine seconds, and one before the last is taken as the last.

    Every call earns a tenth of a repeat. A repeat costs one, and the tenth that its own call earns; one that gets an
    answer gives both back. So the repeats made in vain are at most a tenth of the first tries, plus `STOCK_MAX`, plus
    one for each `FLOOR_S` seconds: an endpoint in trouble is not flooded. Once it answers again, each repeat pays for
    the next, so a whole fleet that waits for repeats goes on at the bucket's pace. What goes back is never refused: it
    takes what there is.
    """

    def __init__(self, t: float) -> None:
        self._t = t
        self._stock = STOCK_MAX

    def called(self, t: float, times: int = 1) -> None:
        """Count calls, first tries or repeats."""
        self._earn(t, SHARE * times)

    def affords(self, t: float) -> bool:
        """Tell whether there is one more repeat."""
        self._earn(t, 0.0)
        return self._stock >= 1.0 - ROUNDING

    def spend(self, t: float) -> None:
        """Take one repeat, or what is left of it."""
        self._earn(t, 0.0)
        self._stock = max(0.0, self._stock - 1.0 - SHARE)

    def repay(self, t: float) -> None:
        """Give back what a repeat cost, now that it has been answered."""
        self._earn(t, 1.0 + SHARE)

    def ready_t(self, t: float) -> float:
        """Give the first engine second at which there is one more repeat, if nothing is called until then."""
        self._earn(t, 0.0)
        return self._t + max(0.0, 1.0 - self._stock) * FLOOR_S

    def _earn(self, t: float, more: float) -> None:
        t = max(t, self._t)
        self._stock = min(STOCK_MAX + SHARE, self._stock + (t - self._t) / FLOOR_S + more)
        self._t = t
