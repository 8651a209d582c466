"""A rollout that runs elsewhere, shown live: as a table where one can be drawn, else as lines."""

import asyncio
import io
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from rich.console import Console

from rollout.cli import attend
from rollout.cli.board import Board
from rollout.core.result import ExitCode, Result
from rollout.errors import Forbidden
from rollout.remote.event import Event
from rollout.views.view import Group

RESULT = Result(ExitCode.WENT_BACK, "halted", "1 failed")


def row(service: str, group: str = "in flight", **changes: Any) -> dict[str, Any]:
    known = {"service": service, "phase": "walking", "doing": "walks domain 1", "domains": ["done", "in work"]}
    return known | {"since_s": 2.0, "outcome": None, "group": group} | changes


def document(*rows: dict[str, Any], closed: bool = False) -> dict[str, Any]:
    return {"services": list(rows), "opened_at": 900.0, "closed": closed}


class Elsewhere:
    """A place that gives prepared events and documents; it is over once all of them have been taken."""

    def __init__(self, *events: Event, documents: tuple[dict[str, Any], ...] = ()) -> None:
        self._events = events
        self._documents = list(documents)
        self._taken = asyncio.Event()
        self.read_times = 0

    async def read(self, _rollout: str, *_: Any) -> dict[str, Any]:
        self.read_times += 1
        return self._documents.pop(0) if len(self._documents) > 1 else self._documents[0]

    async def rollouts(self) -> list[dict[str, Any]]:
        counts = {"done": 1, "in flight": 2, "queued": 3, "failed": 4}
        head = {"halted": None, "attention": False, "counts": counts}
        return [
            {"id": "old-1", "sentence": "old-1: over", "closed": True} | head,
            {"id": "web-1", "sentence": "web-1: 2 in flight", "closed": False} | head,
        ]

    async def watch(self, _rollout: str | None) -> AsyncGenerator[Event, None]:
        for event in self._events:
            yield event
        self._taken.set()
        await asyncio.Event().wait()

    async def wait(self, _rollout: str, **_: Any) -> Result:
        await self._taken.wait()
        await asyncio.sleep(0.05)
        return RESULT


def entry(position: int, **fields: Any) -> Event:
    return Event("entry", position, {"sentence": f"svc-1: event {position}", "milestone": False} | fields)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Let everything be drawn on a terminal of 80 columns that a test can read."""
    paper = io.StringIO()
    console = Console(file=paper, force_terminal=True, width=80, height=10, color_system=None)
    monkeypatch.setattr(attend, "_console", lambda: console)
    monkeypatch.setattr(attend, "AGAIN_S", 0.0)
    return paper


async def test_where_nothing_draws_only_what_people_wait_for_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    where: Any = Elsewhere(entry(1), entry(2, milestone=True, sentence="svc-1: goes\x1b back"))
    assert await attend.attend(where, "web-1", "finished", None) == RESULT
    assert capsys.readouterr() == ("", "svc-1: goes\\x1b back\n")


async def test_events_are_given_to_who_wants_them_all() -> None:
    heard: list[int] = []
    where: Any = Elsewhere(Event("snapshot", 1, {}), entry(2))
    await attend.attend(where, "web-1", "finished", None, lambda event: heard.append(event.position))
    assert heard == [1, 2]


async def test_a_rollout_is_drawn_and_not_read_again_for_every_event(drawn: io.StringIO) -> None:
    first = document(row("svc-1"), row("svc-2", "queued", phase="queued"))
    where: Any = Elsewhere(Event("snapshot", 1, {}), *map(entry, range(2, 90)), documents=(first,))
    assert await attend.attend(where, "web-1", "finished", None) == RESULT
    assert "svc-2    queued" in drawn.getvalue()
    assert "0 done, 1 in flight, 1 queued, 0 failed" in drawn.getvalue()
    assert where.read_times <= 2


async def test_a_table_of_all_rollouts_has_the_open_ones_first(drawn: io.StringIO) -> None:
    where: Any = Elsewhere(Event("snapshot", 1, {}))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.4):
            await attend.attend_all(where)
    last = drawn.getvalue().rpartition("what goes on")[2]
    assert last.index("web-1") < last.index("old-1")


async def test_without_a_terminal_all_rollouts_are_told_of_and_then_what_happens(
    capsys: pytest.CaptureFixture[str],
) -> None:
    where: Any = Elsewhere(entry(3, milestone=True))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await attend.attend_all(where)
    assert capsys.readouterr().err.splitlines() == ["web-1: 2 in flight", "svc-1: event 3"]


async def test_what_ends_the_showing_ends_the_waiting_with_its_own_error() -> None:
    class Revoked(Elsewhere):
        async def watch(self, _rollout: str | None) -> AsyncGenerator[Event, None]:
            raise Forbidden("revoked")
            yield entry(1)  # type: ignore[unreachable] # makes it a generator

    where: Any = Revoked()
    with pytest.raises(Forbidden, match="revoked"):
        await attend.attend(where, "web-1", "finished", None)


# --- the board ---


class Clock:
    def __init__(self) -> None:
        self.t = 50.0

    def now(self) -> float:
        return self.t


def board() -> tuple[Board, Clock]:
    clock = Clock()
    return Board("web-1", clock.now, lambda: 1_000.0), clock


def test_a_board_goes_on_counting_between_what_it_hears() -> None:
    shown, clock = board()
    assert shown.view(10) is None
    shown.put(document(row("svc-1"), row("svc-2", "done", outcome="succeeded", since_s=0.0)))
    clock.t += 3.0
    view = shown.view(10)
    assert view is not None
    assert [each.since_s for each in view.rows] == [5.0, 0.0]
    assert view.elapsed_s == 103.0
    shown.put(document(row("svc-1"), closed=True))
    clock.t += 60.0
    assert (view := shown.view(10)) is not None
    assert view.elapsed_s == 100.0


def test_a_row_is_taken_alone_and_one_that_is_not_known_is_not() -> None:
    shown, _ = board()
    shown.put(document(row("svc-1"), row("svc-2")))
    assert shown.take(row("svc-2", "failed"))
    assert not shown.take(row("svc-3"))
    assert not shown.take(None)
    view = shown.view(10)
    assert view is not None
    assert (view.totals[Group.FAILED], view.totals[Group.MOVING]) == (1, 1)


def test_where_not_all_fit_what_failed_stands_first_and_the_rest_is_counted() -> None:
    shown, _ = board()
    shown.put(document(*(row(f"svc-{n}", "queued") for n in range(5)), row("svc-x", "failed"), row("svc-m")))
    view = shown.view(2)
    assert view is not None
    assert [each.service for each in view.rows] == ["svc-x", "svc-m"]
    assert view.hidden[Group.QUEUED] == 5
