"""The journal without a disk, for tests and simulations: the same records, chain and refusals."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from rollout.core.event import Entry
from rollout.core.names import Digest, Now, StreamName, digest_of
from rollout.errors import JournalDamaged, StateUnusable
from rollout.journal import submissions
from rollout.journal.codec import GENESIS
from rollout.journal.inbox import refuse_full, refuse_other, refuse_unfit, twice
from rollout.journal.index import StreamIndex
from rollout.journal.journal import Answered, Question, Recorded, StreamRow
from rollout.journal.record import READ_LIMIT_MAX, ChainWalk, Stored, draft, seal, unseal


class MemoryJournal:
    """Keeps the text of every record and decodes it on each read, as a journal on disk does."""

    def __init__(self) -> None:
        self.said = ""
        """What the engine said of itself with its last heartbeat."""
        self._records: list[Stored] = []
        self._streams: dict[StreamName, StreamRow] = {}
        self._index = StreamIndex(self._streams.get)
        self._blobs: dict[Digest, bytes] = {}
        self._questions: dict[str, Question] = {}
        self._answers: dict[str, str] = {}
        self._taken: set[str] = set()
        self._keys: dict[str, str] = {}
        self._t = 0.0
        self._closed = False

    async def append(
        self, entries: Sequence[Entry], ended: Sequence[StreamName] = (), answers: Sequence[Answered] = ()
    ) -> Sequence[Recorded]:
        """Write all or none, then give other tasks their turn, as a sync does."""
        self._refuse_if_closed()
        drafts = [draft(entry) for entry in entries]
        self._refuse_answered(answers)
        changed = self._index.accept(drafts, ended)
        self._answers |= {each.key: each.answer for each in answers}
        for drafted in drafts:
            self._records.append(seal(drafted, len(self._records) + 1, self._link(len(self._records))))
            self._t = max(self._t, drafted.entry.now.t)
        self._streams.update((row.stream, row) for row in changed)
        self._index.keep()
        written = self._records[len(self._records) - len(drafts) :]
        recorded = [
            Recorded(record.position, drafted.entry, record.chain)
            for record, drafted in zip(written, drafts, strict=True)
        ]
        await asyncio.sleep(0)
        return recorded

    async def read(self, stream: StreamName) -> Sequence[Recorded]:
        """Give one stream's entries in order."""
        self._refuse_if_closed()
        return [self._unseal(record) for record in self._records if record.stream == stream]

    async def read_after(self, position: int, limit: int) -> Sequence[Recorded]:
        """Give at most `limit` entries behind `position`, and never more than READ_LIMIT_MAX."""
        self._refuse_if_closed()
        end = position + min(limit, READ_LIMIT_MAX)
        return [self._unseal(record) for record in self._records[position:end]]

    async def scan(self, rows: Sequence[StreamRow]) -> AsyncIterator[Sequence[Recorded]]:
        """Give all that lies in these streams, in one portion."""
        self._refuse_if_closed()
        wanted = {row.stream for row in rows}
        yield [self._unseal(record) for record in self._records if record.stream in wanted]

    async def streams(self, *, open_only: bool = False) -> Sequence[StreamRow]:
        """Give the index of streams, in order of their first entry."""
        self._refuse_if_closed()
        return [row for row in self._streams.values() if not (open_only and row.ended)]

    async def beat(self, now: Now, said: str = "") -> None:
        """Note that the engine lived at `now`."""
        self.said = said
        self._refuse_if_closed()
        self._t = max(self._t, now.t)

    async def last_t(self) -> float:
        """Give the largest engine second known."""
        self._refuse_if_closed()
        return self._t

    async def put(self, payload: bytes) -> Digest:
        """Store a blob."""
        self._refuse_if_closed()
        digest = digest_of(payload)
        self._blobs[digest] = payload
        return digest

    async def payload(self, digest: Digest) -> bytes:
        """Give a blob back."""
        self._refuse_if_closed()
        if digest not in self._blobs:
            message = f"the state holds no payload {digest}"
            raise JournalDamaged(message)
        return self._blobs[digest]

    async def post(self, question: Question) -> None:
        """Ask."""
        self._refuse_if_closed()
        refuse_unfit(question)
        if (known := self._questions.get(question.key)) is not None:
            refuse_other(known.command, question)
            return
        refuse_full(len(self._questions) - len(self._answers))
        self._questions[question.key] = question

    async def take(self, limit: int) -> Sequence[Question]:
        """Give the first questions without an answer."""
        self._refuse_if_closed()
        if len(self._questions) == len(self._answers):
            return []
        first = [each for each in self._questions.values() if each.key not in self._answers][:limit]
        self._taken.update(each.key for each in first)
        return first

    async def withdraw(self, key: str) -> bool:
        """Take a question back that no engine has read."""
        self._refuse_if_closed()
        return key not in self._taken and self._questions.pop(key, None) is not None

    async def answer_to(self, key: str) -> str | None:
        """Give the answer to a question, if there is one."""
        self._refuse_if_closed()
        return self._answers.get(key)

    async def reserve(self, key: str, digest: str) -> str:
        """Let the key of a submission stand for a bundle, unless it stands for one already; gives for which."""
        self._refuse_if_closed()
        submissions.refuse_unfit(key)
        return self._keys.setdefault(key, digest)

    async def verify(self) -> int:
        """Walk the whole chain."""
        self._refuse_if_closed()
        walk = ChainWalk()
        for record in self._records:
            walk.step(record)
        return walk.position

    async def close(self) -> None:
        """Refuse everything from now on."""
        self._closed = True

    def _refuse_answered(self, answers: Sequence[Answered]) -> None:
        for each in answers:
            if each.key not in self._questions or each.key in self._answers:
                raise twice(each.key)

    def _unseal(self, record: Stored) -> Recorded:
        return unseal(record, self._link(record.position - 1))

    def _link(self, position: int) -> str:
        return self._records[position - 1].chain if position else GENESIS

    def _refuse_if_closed(self) -> None:
        if self._closed:
            message = "the journal is closed"
            raise StateUnusable(message)
