"""What the journal tells of how long operations took, for an engine that has just started."""

from collections.abc import Iterable, Iterator
from typing import Final

from rollout.core import event
from rollout.core.event import Entry
from rollout.core.names import is_service_stream
from rollout.core.operation import Operation
from rollout.engine.timetable import Timetable, interval
from rollout.journal.journal import Journal

STREAMS_MAX: Final = 40
"""So many of the latest attempts that have ended are read."""


def kind_of(operation: Operation) -> str:
    """Name what an operation takes as long as: its like."""
    return str(operation.__struct_config__.tag)


def durations(entries: Iterable[Entry]) -> Iterator[tuple[str, float, float]]:
    """Give of one stream, for each operation that was followed to its end, its kind and two bounds of its duration.

    The journal holds no question that was answered with `in progress`. The last one before the end was asked no longer
    before than the widest interval at that age.
    """
    begun: dict[int, tuple[str, float]] = {}
    for entry in entries:
        match entry.fact:
            case event.Intended(number=number, operation=operation):
                begun[number] = kind_of(operation), entry.now.t
            case event.Accepted(number=number) if number in begun:
                begun[number] = begun[number][0], entry.now.t
            case event.Succeeded(number=number) | event.Failed(number=number) if number in begun:
                kind, t = begun.pop(number)
                took_s = entry.now.t - t
                yield kind, max(0.0, took_s - interval(took_s)), took_s
            case _:
                pass


async def learn_past(journal: Journal, timetable: Timetable) -> None:
    """Let `timetable` learn from the attempts that ended last."""
    rows = await journal.streams()
    ended = [row.stream for row in rows if row.ended and is_service_stream(row.stream)]
    for stream in ended[-STREAMS_MAX:]:
        for kind, low_s, high_s in durations(each.entry for each in await journal.read(stream)):
            timetable.learn(kind, low_s, high_s)
