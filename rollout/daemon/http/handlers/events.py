"""Live events (SSE): how everything stands, then what happens, each with its position; a reader resumes by the last."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any, Final

import structlog
from aiohttp import web
from pydantic import Field, StringConstraints

from rollout.core.names import RolloutId, ServiceName
from rollout.daemon.http.desk import Desk
from rollout.daemon.http.problem import HEADERS, Refused
from rollout.daemon.http.route import Asked, Query, encode
from rollout.engine.groups import unwrapped
from rollout.journal.journal import Recorded
from rollout.views.timeline import timeline_entry, whose

LAST: Final = "Last-Event-ID"
HEAD_EVERY_S: Final = 1.0
"""How often a rollout's head is sent while it changes."""
POSITION_DIGITS_MAX: Final = 18
PIECE_BYTES: Final = 64 << 10
"""A reader that takes so much in time is no slow one, however large a snapshot is."""

_log = structlog.get_logger("rollout.daemon")


class EventsQuery(Query):
    """Of one rollout alone, if it is named; `after` = a position, for readers that cannot set a header."""

    rollout: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    after: Annotated[int, Field(ge=0, lt=10**POSITION_DIGITS_MAX)] | None = None


async def events(desk: Desk, asked: Asked[EventsQuery, None]) -> web.StreamResponse:
    """Follow what happens, without end."""
    rollout = asked.query.rollout
    if rollout is not None:
        desk.read(rollout)
    after = _after(desk, asked)
    with desk.streams.seat(asked.person):
        response = web.StreamResponse(
            headers={**HEADERS, "Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
        )
        try:
            await response.prepare(asked.request)
            # The connection is closed when the stream ends, whatever ends it: a reader comes again by itself.
            response.force_close()
            await _Stream(desk, asked, response, None if rollout is None else RolloutId(rollout)).run(after)
        except (TimeoutError, ConnectionError):
            pass  # the reader has gone, or takes nothing
        except Exception:  # noqa: BLE001 - an answer was begun, so no other can be given: the reader comes again
            _log.exception("events_failed")
        await _end(asked.request, response)
        return response


async def _end(request: web.Request, response: web.StreamResponse) -> None:
    """Say that it is over, unless nobody listens any more."""
    try:
        async with asyncio.timeout(1.0):
            await response.write_eof()
    except (TimeoutError, ConnectionError):
        if request.transport is not None:
            request.transport.abort()


def _after(desk: Desk, asked: Asked[EventsQuery, None]) -> int | None:
    """Give the position after which to go on; None = the present first. Raises Refused: 400, 410."""
    shown = asked.request.headers.getall(LAST, [])
    after = asked.query.after
    if shown and shown != [""]:
        if len(shown) > 1 or not shown[0].isascii() or not shown[0].isdigit() or len(shown[0]) > POSITION_DIGITS_MAX:
            raise Refused(400, f"{LAST} is one position that an event carried", close=True)
        after = int(shown[0])
    if after is None:
        return None
    position = desk.host.position
    if after > position or position - after > desk.limits.replay:
        raise Refused(
            410,
            f"events are kept from {max(position - desk.limits.replay, 0)} to {position}, and {after} is not there",
            instead=f"the same without {LAST}: it begins with how everything stands",
            close=True,
        )
    return after


class _Stream:
    """One reader."""

    def __init__(
        self, desk: Desk, asked: Asked[EventsQuery, None], response: web.StreamResponse, rollout: RolloutId | None
    ) -> None:
        self._desk = desk
        self._person = asked.person
        self._response = response
        self._rollout = rollout
        self._waiting: asyncio.Queue[Recorded | None] = asyncio.Queue(desk.limits.queue)
        self._changed: dict[RolloutId, int] = {}
        """Rollouts whose head has changed since it was sent, and the position up to which it has."""
        self._sent_s: dict[RolloutId, float] = {}
        self._stopped: frozenset[RolloutId] = frozenset()
        """Rollouts that were told to stand still because of a mistake of ours."""
        self._beat_s = time.monotonic()

    async def run(self, after: int | None) -> None:
        """Write until the reader goes, is too slow, or is let in no more; or until the daemon stops."""
        if after is None:
            after = self._desk.host.position
            await self._write([chunk async for chunk in self._snapshot(after)])
        with unwrapped():
            async with asyncio.TaskGroup() as group:
                pumping = group.create_task(self._pump(after), name="events")
                try:
                    await self._live()
                finally:
                    pumping.cancel()

    async def _pump(self, after: int) -> None:
        source: AsyncGenerator[Recorded, None] = self._desk.host.follow(after)
        async with contextlib.aclosing(source) as entries:
            async for recorded in entries:
                if self._rollout is None or whose(recorded.entry)[0] in {self._rollout, None}:
                    await self._waiting.put(recorded)
        await self._waiting.put(None)

    async def _live(self) -> None:
        look_s = min(self._desk.limits.revoked_look_s, self._desk.limits.heartbeat_s, HEAD_EVERY_S)
        while not self._desk.streams.closing.is_set():
            chunks: list[bytes] = []
            try:
                async with asyncio.timeout(look_s):
                    recorded = await self._waiting.get()
            except TimeoutError:
                pass
            else:
                while recorded is not None:
                    chunks.append(self._desk.written.of(recorded, self._make))
                    self._note(recorded)
                    if self._waiting.empty() or len(chunks) >= self._desk.limits.queue:
                        break
                    recorded = self._waiting.get_nowait()
                if recorded is None:
                    await self._write(chunks)
                    return
            if not self._desk.sessions.stands(self._person):
                return
            chunks += self._heads()
            chunks += self._heartbeat(quiet=not chunks)
            await self._write(chunks)

    async def _write(self, chunks: list[bytes]) -> None:
        """Write; a reader that takes nothing for too long is dropped, by TimeoutError."""
        for chunk in chunks:
            for start in range(0, len(chunk), PIECE_BYTES):
                async with asyncio.timeout(self._desk.limits.stall_s):
                    await self._response.write(chunk[start : start + PIECE_BYTES])

    def _make(self, recorded: Recorded) -> bytes:
        return _entry(self._desk, recorded)

    def _note(self, recorded: Recorded) -> None:
        rollout = whose(recorded.entry)[0]
        if rollout is not None:
            own = RolloutId(rollout)
            self._changed[own] = recorded.position

    def _heads(self) -> list[bytes]:
        now_s = time.monotonic()
        stopped = frozenset(self._desk.host.failed)
        for rollout in stopped ^ self._stopped:  # no entry of theirs tells that they stand still, or do no longer
            if self._rollout in {None, rollout}:
                self._changed.setdefault(rollout, self._desk.host.position)
        self._stopped = stopped
        due = [each for each in self._changed if now_s >= self._sent_s.get(each, now_s - HEAD_EVERY_S) + HEAD_EVERY_S]
        chunks = []
        for rollout in due:
            self._sent_s[rollout] = now_s
            read = self._desk.read(rollout, since=self._changed.pop(rollout))
            chunks.append(_event("head", self._desk.head(read)))
        return chunks

    def _heartbeat(self, *, quiet: bool) -> list[bytes]:
        now_s = time.monotonic()
        if not quiet or now_s - self._beat_s < self._desk.limits.heartbeat_s:
            return []
        self._beat_s = now_s
        return [_event("heartbeat", {"position": self._desk.host.position, "at": self._desk.host.now().wall})]

    async def _snapshot(self, position: int) -> AsyncIterator[bytes]:
        """Write how everything stands, as one event: the heads, the rows of what is open, and the freeze."""
        desk = self._desk
        known = desk.host.rollouts()
        chosen = list(known) if self._rollout is None else [self._rollout]
        shown = [each for each in chosen if self._rollout is not None or known[each].closed is None]
        rows: list[Any] = []
        for each in shown:
            read = await desk.recall(each) if self._rollout is not None else desk.read(each)
            rows += [row async for row in desk.rows(read, read.services)]
        document = {
            "position": position,
            "at": desk.host.now().wall,
            "rollouts": [desk.head(desk.read(each)) for each in chosen],
            "services": rows,
            "freeze": desk.host.freeze(),
        }
        yield _event("snapshot", document, position)


def _entry(desk: Desk, recorded: Recorded) -> bytes:
    told = timeline_entry(recorded)
    fields: dict[str, Any] = {name: getattr(told, name) for name in told.__struct_fields__}
    fields["row"] = None
    if told.rollout is not None and told.service is not None and RolloutId(told.rollout) in desk.host.rollouts():
        fields["row"] = desk.row_of(RolloutId(told.rollout), ServiceName(told.service))
    return _event("entry", fields, recorded.position)


def _event(kind: str, document: Any, position: int | None = None) -> bytes:
    """Write one event; JSON has no line feed outside of its texts, and escapes those within."""
    named = b"" if position is None else b"id: %d\n" % position
    return b"%bevent: %b\ndata: %b\n\n" % (named, kind.encode(), encode(document))
