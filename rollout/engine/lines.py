"""Lines of records that are due, one for each scope, and who takes their questions: workers, and the bulk port."""

import asyncio
from collections.abc import Callable, Iterable, Iterator

from rollout.core.outcome import Handle
from rollout.engine.bulk import Bulk
from rollout.engine.line import NEAR_S, Line, Tracked
from rollout.engine.pacer import Kind, Lane, Pacer


class Lines:
    """Hands questions out, the most important of each scope first, as there are takers and permits for them."""

    def __init__(
        self, pacer: Pacer, workers: int, wake: Callable[[], None], put_off: Callable[[Tracked, float], bool]
    ) -> None:
        """`wake` is called when a line has got a permit it waited for; it is served by `serve_stirred`.

        `put_off` is asked, with the time, about who has waited and is next: True = it is seen to and not asked about.
        """
        self._put_off = put_off
        self._pacer = pacer
        self._wake = wake
        self.idle = workers
        """Workers without a question."""
        self.asking: asyncio.Queue[Tracked] = asyncio.Queue()
        """Questions for workers, each with its permit."""
        self.bulk: Bulk | None = None
        self.held = 0
        """Records there are, until they are done or found to be cancelled."""
        self.sent = 0
        """Questions given to the bulk port."""
        self._lines: dict[str, Line] = {}
        self._stirred: dict[Line, None] = {}
        """Lines with something new: a record, or a permit."""
        self._crowded: dict[Line, None] = {}
        """Lines that wait for a taker, in the order in which they began to."""

    def __iter__(self) -> Iterator[Line]:
        return iter(self._lines.values())

    def of(self, scope: str) -> Line:
        """Give a scope's line."""
        line = self._lines.get(scope)
        if line is None:
            line = self._lines[scope] = Line(scope)
        return line

    def join(self, slot: Iterable[Tracked], now_t: float) -> None:
        """Let records that are due join their lines, or go out at once where nobody waits before them."""
        straight: dict[str, list[Tracked]] = {}
        bulk, forward, far_t = self.bulk, Lane.FORWARD, now_t + NEAR_S
        for record in slot:
            due_t, scope = record.due_t, record.scope
            near = due_t is not None and far_t > due_t
            if bulk is None or near or record.lane is not forward or type(record.subject) is not Handle:
                line = self.of(scope)
                line.add(record, record.lane_at(now_t))
                self._stirred[line] = None
            elif record.tell is None:
                self.held -= 1
            elif scope in straight:
                straight[scope].append(record)
            else:
                straight[scope] = [record]
        for scope, records in straight.items():
            line, sent = self.of(scope), 0
            if bulk is not None and line.wish is None and line.is_empty and (room := bulk.room_for(Lane.FORWARD)) > 0:
                sent = self._pacer.try_permits(line.scope, Kind.READ, Lane.FORWARD, min(room, len(records)))
                self._send(bulk, line, records[:sent], now_t)
            if sent < len(records):
                for record in records[sent:]:
                    line.add(record, Lane.FORWARD)
                self._stirred[line] = None

    def _serve(self, line: Line, now_t: float) -> None:
        """Hand out the line's records, the most important first, while there are takers and permits for them."""
        self._crowded.pop(line, None)
        while True:
            self.held -= line.drop_cancelled()
            first = line.first()
            if first is None:
                self._withdraw(line)
                return
            lane, record = first
            if self._put_off(record, now_t):
                line.pop()
                continue
            bulk = self.bulk if isinstance(record.subject, Handle) else None
            if not self._takes(bulk, line, lane):
                self._withdraw(line)
                self._crowded[line] = None
                return
            if line.permits:
                line.permits -= 1
            elif not self._pacer.try_permit(line.scope, Kind.READ, lane):
                self._wish(line, lane, record.next_t)
                return
            if bulk is not None:
                self._send_from(bulk, line, lane, now_t)
            else:
                self.idle -= 1
                line.busy += 1
                self.asking.put_nowait(line.pop())

    def _takes(self, bulk: Bulk | None, line: Line, lane: Lane) -> bool:
        """Tell whether anybody can take one more question of the line."""
        if bulk is not None:
            return bulk.room_for(lane) > 0
        return self.idle > 0 and (line.busy < self.idle or lane is Lane.GOING_BACK)

    def _send_from(self, bulk: Bulk, line: Line, lane: Lane, now_t: float) -> None:
        """Send the line's next question, for which there is a permit, and those after it that may go with it."""
        waiting = line.waiting(lane)
        records = [waiting.pop()]
        more = min(bulk.room_for(lane) - 1, line.count(lane))
        permits = self._pacer.try_permits(line.scope, Kind.READ, lane, more) if more > 0 else 0
        while permits and (record := waiting.first()) is not None and isinstance(record.subject, Handle):
            waiting.pop()
            if record.tell is None:
                self.held -= 1
            elif not self._put_off(record, now_t):
                records.append(record)
                permits -= 1
        for _ in range(permits):
            self._pacer.give_back(line.scope, Kind.READ)
        self._send(bulk, line, records, now_t)

    def _send(self, bulk: Bulk, line: Line, records: list[Tracked], now_t: float) -> None:
        if records:
            for record in records:
                record.asked_t = now_t
            self.sent += len(records)
            bulk.ask(line.scope, records)

    def _wish(self, line: Line, lane: Lane, since_t: float) -> None:
        """Have one wish with the pacer, as important and as old as the line's first record."""
        if line.wish is not None and line.wish.lane is lane:
            return

        def granted() -> None:
            line.wish = None
            line.permits += 1
            self._stirred[line] = None
            self._wake()

        if line.wish is not None:
            line.wish.cancel()
        line.wish = self._pacer.ask(line.scope, Kind.READ, lane, granted, since_t=since_t, crowd=line.count)

    def _withdraw(self, line: Line) -> None:
        """Keep neither a wish nor an unused permit for a line that cannot ask."""
        if line.wish is not None:
            line.wish.cancel()
            line.wish = None
        while line.permits:
            line.permits -= 1
            self._pacer.give_back(line.scope, Kind.READ)

    def serve_crowded(self, now_t: float) -> None:
        """Serve the lines that wait for a taker, now that there may be one."""
        for line in tuple(self._crowded):
            self._serve(line, now_t)

    def stir_all(self) -> None:
        """Look at every line anew: an earlier run may have left records that nothing else would stir again."""
        self._stirred = dict.fromkeys(self._lines.values())

    def serve_stirred(self, now_t: float) -> None:
        """Serve the lines with something new."""
        stirred, self._stirred = self._stirred, {}
        for line in stirred:
            self._serve(line, now_t)

    def stop(self) -> tuple[Tracked, ...]:
        """Leave neither a wish nor a permit behind; give what is out with the bulk port, and never heard of there."""
        bulk, self.bulk = self.bulk, None
        for line in self:
            self._withdraw(line)
        return () if bulk is None else tuple(bulk.abandoned())
