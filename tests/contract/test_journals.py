"""What every journal keeps: order, versions, transactions, the chain, blobs and the heartbeat."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollout.core.ending import Outcome
from rollout.core.event import Closed, Entry, Fact, Succeeded
from rollout.core.names import ENGINE, Digest, Now, StreamName
from rollout.errors import CommandRefused, InvariantBroken, JournalDamaged, StateUnusable
from rollout.journal import submissions
from rollout.journal.codec import GENESIS, chain
from rollout.journal.inbox import KEY_CHARS_MAX, WAITING_MAX
from rollout.journal.journal import Answered, Journal, Question, StreamRow, VersionConflict
from rollout.journal.memory import MemoryJournal
from rollout.journal.record import draft, record_bytes, seal
from rollout.journal.sqlite import SqliteJournal
from rollout.simulation.disk import CalmDisk, Disk
from rollout.simulation.disk_journal import DiskJournal

A, B, C = StreamName("web/a#1"), StreamName("web/b#1"), StreamName("web")
CLOSED = Closed(Outcome.SUCCEEDED, ENGINE, "all domains are done")

Opener = Callable[[Path], AbstractAsyncContextManager[Journal]]


def entry(stream: StreamName, version: int, fact: Fact | None = None, t: float = 1.5) -> Entry:
    return Entry(stream, version, Now(t, 1_700_000_000.25 + t), ENGINE, fact or Succeeded(version))


@contextlib.asynccontextmanager
async def memory(_: Path) -> AsyncIterator[Journal]:
    journal = MemoryJournal()
    yield journal
    await journal.close()


@contextlib.asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Journal]:
    async with SqliteJournal.opened(folder / "journal.sqlite") as journal:
        yield journal


@contextlib.asynccontextmanager
async def simulated(_: Path) -> AsyncIterator[Journal]:
    journal = DiskJournal(Disk(CalmDisk(), float))
    yield journal
    await journal.close()


@pytest.fixture(params=[memory, sqlite, simulated])
def opener(request: pytest.FixtureRequest) -> Opener:
    chosen: Opener = request.param
    return chosen


@pytest.fixture
async def journal(opener: Opener, tmp_path: Path) -> AsyncIterator[Journal]:
    async with opener(tmp_path) as opened:
        yield opened


async def test_a_new_journal_is_empty(journal: Journal) -> None:
    assert await journal.read(A) == []
    assert await journal.read_after(0, 10) == []
    assert await journal.streams() == []
    assert await journal.last_t() == 0.0
    assert await journal.verify() == 0


async def test_entries_are_read_back_as_they_were_appended(journal: Journal) -> None:
    entries = [entry(A, 1), entry(A, 2, CLOSED)]
    recorded = await journal.append(entries)
    assert [each.entry for each in recorded] == entries
    assert list(await journal.read(A)) == list(recorded)


async def test_positions_count_over_all_streams_in_the_order_of_appends(journal: Journal) -> None:
    await journal.append([entry(A, 1)])
    await journal.append([entry(B, 1), entry(A, 2)])
    await journal.append([entry(C, 1)])
    everything = await journal.read_after(0, 100)
    assert [(each.position, each.entry.stream) for each in everything] == [(1, A), (2, B), (3, A), (4, C)]
    assert [each.position for each in await journal.read(A)] == [1, 3]


async def test_reading_goes_on_after_a_position(journal: Journal) -> None:
    await journal.append([entry(A, version) for version in range(1, 8)])
    assert [each.position for each in await journal.read_after(3, 2)] == [4, 5]
    assert [each.position for each in await journal.read_after(5, 100)] == [6, 7]
    assert await journal.read_after(7, 100) == []


async def test_a_scan_gives_of_some_streams_what_reading_each_gives(journal: Journal) -> None:
    streams = [StreamName(f"web/{number:03}#1") for number in range(60)]
    for first in (1, 19):
        await journal.append([entry(each, first + n) for n in range(18) for each in streams])
    rows = (await journal.streams())[10:50]
    found = [each async for portion in journal.scan(rows) for each in portion]
    assert [each.position for each in found] == sorted(each.position for each in found)
    for row in rows:
        assert [each for each in found if each.entry.stream == row.stream] == await journal.read(row.stream)
    assert len(found) == 40 * 36


async def test_each_record_is_linked_to_the_one_before(journal: Journal) -> None:
    entries = [entry(A, 1), entry(B, 1, CLOSED), entry(A, 2)]
    recorded = await journal.append(entries)
    link = GENESIS
    for position, each in enumerate(entries, start=1):
        link = chain(link, record_bytes(seal(draft(each), position, link)))
        assert recorded[position - 1].chain == link


async def test_a_version_that_is_not_next_is_refused_and_changes_nothing(journal: Journal) -> None:
    await journal.append([entry(A, 1)])
    for wrong in (1, 3):
        with pytest.raises(VersionConflict, match=r"web/a#1 takes version 2 next, not"):
            await journal.append([entry(A, wrong)])
    assert [each.entry.version for each in await journal.read_after(0, 10)] == [1]
    await journal.append([entry(A, 2)])


async def test_an_append_to_several_streams_is_all_or_nothing(journal: Journal) -> None:
    with pytest.raises(VersionConflict):
        await journal.append([entry(A, 1), entry(B, 2)], ended=[A])
    assert await journal.read_after(0, 10) == []
    assert await journal.streams() == []
    await journal.append([entry(A, 1), entry(B, 1)])
    assert await journal.verify() == 2


async def test_an_ended_stream_takes_no_further_entry(journal: Journal) -> None:
    await journal.append([entry(A, 1), entry(A, 2, CLOSED)], ended=[A])
    with pytest.raises(VersionConflict, match="has ended"):
        await journal.append([entry(A, 3)])
    with pytest.raises(VersionConflict, match="it has ended before"):
        await journal.append([], ended=[A])
    assert len(await journal.read(A)) == 2


async def test_a_stream_without_entries_cannot_end(journal: Journal) -> None:
    with pytest.raises(VersionConflict, match="it has no entry"):
        await journal.append([entry(B, 1)], ended=[A])
    assert await journal.streams() == []


async def test_a_stream_may_end_after_its_last_entry(journal: Journal) -> None:
    await journal.append([entry(A, 1)])
    assert await journal.append([], ended=[A]) == []
    assert await journal.streams() == [StreamRow(A, 1, ended=True)]


async def test_the_index_tells_open_streams_from_ended_ones_in_order_of_first_entries(journal: Journal) -> None:
    await journal.append([entry(C, 1), entry(B, 1), entry(A, 1)])
    await journal.append([entry(B, 2, CLOSED), entry(C, 2)], ended=[B])
    assert await journal.streams() == [
        StreamRow(C, 2, ended=False),
        StreamRow(B, 2, ended=True),
        StreamRow(A, 1, ended=False),
    ]
    assert [row.stream for row in await journal.streams(open_only=True)] == [C, A]


async def test_the_latest_moment_comes_from_entries_and_heartbeats_alike(journal: Journal) -> None:
    await journal.append([entry(A, 1, t=7.5)])
    assert await journal.last_t() == 7.5
    await journal.beat(Now(12.25, 1_700_000_000.0))
    assert await journal.last_t() == 12.25
    await journal.append([entry(A, 2, t=11.0)])
    await journal.beat(Now(3.0, 1_700_000_000.0))
    assert await journal.last_t() == 12.25


async def test_j9_a_clock_set_back_two_hours_leaves_the_order_unchanged(journal: Journal) -> None:
    wall = 1_700_000_000.0
    await journal.append([Entry(A, 1, Now(10.0, wall), ENGINE, Succeeded(1))])
    await journal.append([Entry(B, 1, Now(20.0, wall - 7_200), ENGINE, Succeeded(2))])
    await journal.append([Entry(A, 2, Now(30.0, wall - 7_190), ENGINE, Succeeded(3))])
    everything = await journal.read_after(0, 10)
    assert [each.entry.now.t for each in everything] == [10.0, 20.0, 30.0]
    assert [each.entry.now.wall for each in everything] == [wall, wall - 7_200, wall - 7_190]
    assert await journal.last_t() == 30.0
    assert await journal.verify() == 3


async def test_a_payload_is_found_again_by_its_digest(journal: Journal) -> None:
    digest = await journal.put(b"\x00\xffpolicy")
    assert await journal.put(b"\x00\xffpolicy") == digest
    assert await journal.put(b"") != digest
    assert await journal.payload(digest) == b"\x00\xffpolicy"


async def test_an_unknown_payload_is_damage(journal: Journal) -> None:
    with pytest.raises(JournalDamaged, match="holds no payload"):
        await journal.payload(Digest("0" * 64))


async def test_an_entry_at_no_moment_is_our_own_mistake_and_is_not_written(journal: Journal) -> None:
    with pytest.raises(InvariantBroken, match="happened at no moment"):
        await journal.append([entry(A, 1, t=float("nan"))])
    assert await journal.read_after(0, 10) == []


async def test_a_closed_journal_refuses_everything(journal: Journal) -> None:
    await journal.close()
    with pytest.raises(StateUnusable, match="closed"):
        await journal.append([entry(A, 1)])
    with pytest.raises(StateUnusable, match="closed"):
        await journal.read(A)
    await journal.close()


def asked(key: str, command: str = "{}") -> Question:
    return Question(key, "ann", "because", command, 1_700_000_000.0)


async def test_questions_are_given_in_order_until_they_are_answered(journal: Journal) -> None:
    assert await journal.take(10) == []
    for key in ("k1", "k2", "k3"):
        await journal.post(asked(key))
    assert await journal.take(2) == [asked("k1"), asked("k2")]
    await journal.append([entry(A, 1)], answers=[Answered("k1", '"yes"', 5.0), Answered("k3", '"no"', 5.0)])
    assert await journal.take(10) == [asked("k2")]
    assert [await journal.answer_to(key) for key in ("k1", "k2", "k3", "k4")] == ['"yes"', None, '"no"', None]


async def test_an_answer_needs_no_entries(journal: Journal) -> None:
    await journal.post(asked("k1"))
    assert await journal.append([], answers=[Answered("k1", '"no"', 5.0)]) == []
    assert await journal.answer_to("k1") == '"no"'
    assert await journal.verify() == 0


async def test_a_question_is_answered_once_and_a_second_answer_writes_nothing(journal: Journal) -> None:
    await journal.post(asked("k1"))
    await journal.append([], answers=[Answered("k1", '"first"', 5.0)])
    for key in ("k1", "unknown"):
        with pytest.raises(VersionConflict, match=f"the question {key} is not there or was answered before"):
            await journal.append([entry(A, 1)], answers=[Answered(key, '"second"', 6.0)])
    assert await journal.answer_to("k1") == '"first"'
    assert await journal.read_after(0, 10) == []


async def test_an_answer_falls_with_the_entries_that_make_it_true(journal: Journal) -> None:
    await journal.post(asked("k1"))
    with pytest.raises(VersionConflict):
        await journal.append([entry(A, 2)], answers=[Answered("k1", '"yes"', 5.0)])
    assert await journal.answer_to("k1") is None
    assert await journal.take(10) == [asked("k1")]


async def test_the_same_question_is_asked_once_and_another_one_under_its_key_is_refused(journal: Journal) -> None:
    await journal.post(asked("k1"))
    await journal.post(asked("k1"))
    with pytest.raises(CommandRefused, match="the key k1 was used for another command"):
        await journal.post(asked("k1", '{"other": 1}'))
    assert await journal.take(10) == [asked("k1")]
    await journal.append([], answers=[Answered("k1", '"yes"', 5.0)])
    await journal.post(asked("k1"))
    assert await journal.take(10) == []


async def test_only_what_no_engine_has_read_can_be_withdrawn(journal: Journal) -> None:
    await journal.post(asked("k1"))
    await journal.post(asked("k2"))
    await journal.take(1)
    assert [await journal.withdraw(key) for key in ("k1", "k2", "k2", "k3")] == [False, True, False, False]
    assert await journal.take(10) == [asked("k1")]


async def test_a_submission_s_key_stands_for_the_first_bundle_it_came_with(journal: Journal) -> None:
    assert [await journal.reserve(*pair) for pair in (("k1", "one"), ("k1", "two"), ("k2", "two"), ("k1", "one"))] == [
        "one",
        "one",
        "two",
        "one",
    ]
    for unfit in ("", "k" * (submissions.KEY_CHARS_MAX + 1)):
        with pytest.raises(CommandRefused, match="1 to 200 characters"):
            await journal.reserve(unfit, "one")
    assert await journal.reserve("k3", "three") == "three"


async def test_the_inbox_takes_neither_unfit_questions_nor_any_number_of_them(journal: Journal) -> None:
    for unfit in (asked(""), asked("k" * (KEY_CHARS_MAX + 1)), asked("k", "x" * 20_000)):
        with pytest.raises(CommandRefused, match="say it shorter"):
            await journal.post(unfit)
    for number in range(WAITING_MAX):
        await journal.post(asked(f"k{number}"))
    with pytest.raises(CommandRefused, match="1000 commands wait for an engine already"):
        await journal.post(asked("one more"))
    assert len(await journal.take(5000)) == WAITING_MAX


async def test_everything_is_there_again_after_closing_and_opening(tmp_path: Path) -> None:
    async with sqlite(tmp_path) as journal:
        recorded = [
            *await journal.append([entry(A, 1), entry(B, 1)]),
            *await journal.append([entry(B, 2, CLOSED, t=9.0)], ended=[B]),
        ]
        digest = await journal.put(b"policy")
        await journal.beat(Now(11.0, 5.0))
    async with sqlite(tmp_path) as journal:
        assert list(await journal.read_after(0, 10)) == recorded
        assert await journal.streams() == [StreamRow(A, 1, ended=False), StreamRow(B, 2, ended=True)]
        assert await journal.last_t() == 11.0
        assert await journal.payload(digest) == b"policy"
        with pytest.raises(VersionConflict, match="has ended"):
            await journal.append([entry(B, 3)])
        (more,) = await journal.append([entry(A, 2)])
        assert more.position == 4
        assert await journal.verify() == 4


STREAMS = [StreamName(name) for name in ("r", "r/a#1", "r/b#1", "r/ü\n#1")]
APPENDS = st.lists(
    st.tuples(st.lists(st.sampled_from(STREAMS), max_size=5), st.sampled_from([None, *STREAMS]), st.integers(-1, 1)),
    max_size=12,
)


@given(appends=APPENDS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_interleaving_keeps_chain_versions_and_index(
    opener: Opener, tmp_path_factory: pytest.TempPathFactory, appends: list[tuple[list[StreamName], StreamName, int]]
) -> None:
    versions: dict[StreamName, int] = {}
    ended: set[StreamName] = set()
    written = 0
    async with opener(tmp_path_factory.mktemp("journal")) as journal:
        for streams, ending, slip in appends:
            after = dict(versions)
            entries = []
            for stream in streams:
                after[stream] = after.get(stream, 0) + 1
                entries.append(entry(stream, after[stream]))
            if entries and slip:
                entries[-1] = entry(entries[-1].stream, entries[-1].version + slip)
            endings = [ending] if ending in after else []
            if (entries and slip) or ended & {*streams, *endings}:
                with pytest.raises(VersionConflict):
                    await journal.append(entries, endings)
                continue
            recorded = await journal.append(entries, endings)
            assert [each.position for each in recorded] == list(range(written + 1, written + len(entries) + 1))
            written += len(entries)
            versions = after
            ended |= set(endings)
        assert await journal.verify() == written
        assert {row.stream: row.version for row in await journal.streams()} == versions
        assert {row.stream for row in await journal.streams() if row.ended} == ended
        for stream, version in versions.items():
            assert [each.entry.version for each in await journal.read(stream)] == list(range(1, version + 1))
