"""The durable journal as an outsider reads it: record by record from the bytes, folded as far as they go."""

from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from rollout.core.event import Entry, Intended
from rollout.core.evolve import evolve
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.fleet_state import RolloutState
from rollout.core.names import ENGINE_STREAM, StreamName, is_service_stream
from rollout.core.service import ServiceRollout
from rollout.errors import InvariantBroken
from rollout.journal.memory import MemoryJournal
from rollout.simulation.marks import Mark, Marks, mark_of

T = TypeVar("T")

READ_AT_ONCE: Final = 1_000


class Told(MemoryJournal):
    """A journal in memory that tells of an append as soon as it is durable, at its virtual second."""

    def __init__(self) -> None:
        super().__init__()
        self.tell: Callable[[], object] = _nobody
        self._tried: dict[tuple[StreamName, int], tuple[Entry, float]] = {}

    def note_tried(self, entry: Entry, at: float) -> None:
        """Note that a full disk refused an entry. After a death another one may take its place in the stream."""
        known = self._tried.get((entry.stream, entry.version))
        if known is None or known[0] != entry:
            self._tried[entry.stream, entry.version] = entry, at

    def tried_at(self, entry: Entry) -> float | None:
        """Give when an entry was first refused: so old is what it was decided on. None = it never was."""
        known = self._tried.get((entry.stream, entry.version))
        return known[1] if known is not None and known[0] == entry else None

    async def append(self, *entries: Any, **options: Any) -> Any:
        """Append, and tell in the same virtual instant."""
        try:
            return await super().append(*entries, **options)
        finally:
            self.tell()


@dataclass(slots=True)
class Page:
    """One entry, and the world's second at which it was first seen on disk."""

    at: float
    entry: Entry
    tried_at: float
    """The world's second at which it was first tried; before `at` only because of a full disk."""


@dataclass(slots=True)
class Book:
    """Everything the durable bytes say so far. `read` raises IllegalFact where a prefix does not fold."""

    journal: Told
    pages: list[Page] = field(default_factory=list)
    _unread: deque[Page] = field(default_factory=deque)
    services: dict[StreamName, ServiceRollout] = field(default_factory=dict)
    rollouts: dict[StreamName, RolloutState] = field(default_factory=dict)
    intents: dict[str, Intended] = field(default_factory=dict)
    """By `<stream>/<number>`, as tickets are named."""
    back: set[str] = field(default_factory=set)
    """The keys of the intents that were made on a way back."""
    marks: dict[StreamName, Marks] = field(default_factory=dict)
    """What each attempt's updates are known by."""
    mark_of: dict[str, Mark] = field(default_factory=dict)
    """By key, for the intents that begin an update."""

    def unread(self, at: float) -> Iterator[Page]:
        """Give what became durable since the last time, to be folded before the next one is asked for.

        Judging a page can let the world go on, and then somebody else reads meanwhile: each page is given to one.
        """
        while True:
            if not self._unread:
                records = at_once(self.journal.read_after(len(self.pages), READ_AT_ONCE))
                self._unread.extend(self._page(at, record.entry) for record in records)
            if not self._unread:
                return
            yield self._unread.popleft()

    def _page(self, at: float, entry: Entry) -> Page:
        tried_at = self.journal.tried_at(entry)
        return Page(at, entry, at if tried_at is None else tried_at)

    def marks_of(self, stream: StreamName) -> Marks:
        """Give what the updates of an attempt are known by."""
        return self.marks.setdefault(stream, Marks())

    def fold(self, page: Page) -> None:
        """Fold one page; raises IllegalFact."""
        entry = page.entry
        self.pages.append(page)
        if entry.stream == ENGINE_STREAM:
            return
        if not is_service_stream(entry.stream):
            self.rollouts[entry.stream] = evolve_fleet(self.rollouts.get(entry.stream), entry)
            return
        turned = (before := self.services.get(entry.stream)) is not None and before.turned_back
        self.services[entry.stream] = evolve(before, entry)
        if isinstance(entry.fact, Intended):
            self._note(f"{entry.stream}/{entry.fact.number}", entry.stream, entry.fact, back=turned)

    def _note(self, key: str, stream: StreamName, intent: Intended, *, back: bool) -> None:
        self.intents[key] = intent
        if back:
            self.back.add(key)
        mark = mark_of(intent, lambda digest: at_once(self.journal.payload(digest)))
        if mark is not None:
            self.mark_of[key] = mark
            self.marks_of(stream).add(mark, back=back)


def at_once(question: Coroutine[Any, Any, T]) -> T:
    """Give the answer of a coroutine that never waits, inside or outside of any loop."""
    try:
        question.send(None)
    except StopIteration as answered:
        result: T = answered.value
        return result
    question.close()
    raise InvariantBroken("this journal answers at once")


def _nobody() -> None:
    """Hear nothing."""
