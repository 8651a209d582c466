"""The rows of one rollout as they were last heard of, for a live table. Taken on one thread, drawn on another."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from rollout.cli.told import row_of, totals
from rollout.core.names import RolloutId
from rollout.views.view import Group, View


class Board:
    """One rollout. `now_s` is a clock that does not go back, `wall_s` gives POSIX seconds."""

    def __init__(self, rollout: str, now_s: Callable[[], float], wall_s: Callable[[], float]) -> None:
        self.rollout = rollout
        self._now_s = now_s
        self._wall_s = wall_s
        self._rows: dict[str, tuple[dict[str, Any], float]] = {}
        self._open = (0.0, 0.0, False)
        """How long the rollout had been open, when that was heard, and whether it was over."""

    def put(self, document: dict[str, Any]) -> None:
        """Take the whole rollout as it is now."""
        at_s = self._now_s()
        self._open = (max(self._wall_s() - document["opened_at"], 0.0), at_s, document["closed"])
        self._rows = {row["service"]: (row, at_s) for row in document["services"]}

    def take(self, row: dict[str, Any] | None) -> bool:
        """Take one row; False = it is none, or one of a service that is not known, so that the rest has to be read."""
        if not row or row["service"] not in self._rows:
            return False
        self._rows = self._rows | {row["service"]: (row, self._now_s())}
        return True

    def view(self, rows_max: int) -> View | None:
        """Choose at most `rows_max` rows: in fleet order when all fit, else what failed first; None = nothing heard."""
        rows = self._rows
        if not rows:
            return None
        order = list(Group)
        names = list(rows)
        if len(names) > rows_max:
            names = sorted(names, key=lambda name: order.index(Group(rows[name][0]["group"])))[:rows_max]
        shown = frozenset(names)
        now_s = self._now_s()
        return View(
            rollout=RolloutId(self.rollout),
            rows=tuple(
                replace(made, since_s=made.since_s + now_s - rows[name][1]) if not made.outcome else made
                for name, made in ((name, row_of(rows[name][0])) for name in names)
            ),
            totals=totals([row for row, _ in rows.values()]),
            hidden=totals([row for name, (row, _) in rows.items() if name not in shown]),
            elapsed_s=self._elapsed_s(now_s),
        )

    def _elapsed_s(self, now_s: float) -> float:
        spent_s, at_s, over = self._open
        return spent_s if over else spent_s + now_s - at_s
