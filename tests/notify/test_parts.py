"""The parts of notices one by one: templates, the feed, targets, the heartbeat, the head of the chain in the log."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
import structlog
from msgspec.structs import replace

from rollout.core.event import Entry
from rollout.core.fleet_event import WaveOpened
from rollout.core.fleet_state import RolloutState
from rollout.core.names import Digest, Now, RolloutId, ServiceName, StreamName
from rollout.core.notice import Notice, NoticeEvent, NoticeFormat, NoticeState, NotifyPlan
from rollout.core.plan import RolloutPlan
from rollout.engine.clock import EngineClock
from rollout.gates.fetch import Answer, NoAnswer
from rollout.journal.journal import Recorded
from rollout.notify.feed import BEHIND_MAX, Feed
from rollout.notify.heads import HEAD_EVERY_S, Heads
from rollout.notify.heartbeat import Heartbeat
from rollout.notify.targets import Target, Targets
from rollout.notify.templates import SENTENCE_CHARS_MAX, written
from rollout.settings import Secret
from rollout.simulation.loop import run
from tests.notify.conftest import Receiver

HOSTILE = "<!channel> <img onerror=x> [click](https://evil.example) & *bold* </script>"
NOTICE = Notice(
    key="web-1/web-01#1:held@5.000",
    alert="web-1/web-01#1:held@5.000",
    event=NoticeEvent.NEEDS_ATTENTION,
    state=NoticeState.RAISED,
    rollout=RolloutId("web-1"),
    sentence=f"web-01 held: {HOSTILE}",
    at_wall=1_795_773_600.0,
    position=7,
    service=ServiceName("web-01"),
    instead="rollout why web-1/web-01",
    about={"ticket": "OPS-311", "runbook": "https://wiki.example/web"},
)


# --- templates ---


def test_our_own_json_says_everything_by_name() -> None:
    (each,) = json.loads(written([NOTICE], NoticeFormat.JSON))["notices"]
    assert each == {
        "key": NOTICE.key,
        "alert": NOTICE.alert,
        "event": "needs_attention",
        "state": "raised",
        "rollout": "web-1",
        "service": "web-01",
        "wave": None,
        "sentence": f"web-01 held: {HOSTILE}",
        "at": "2026-11-27T10:00:00Z",
        "instead": "rollout why web-1/web-01",
        "about": {"ticket": "OPS-311", "runbook": "https://wiki.example/web"},
    }


def test_a_chat_gets_one_line_for_each_notice_and_no_name_becomes_a_mention_or_a_link() -> None:
    over = replace(NOTICE, state=NoticeState.RESOLVED, sentence="over", instead="", about={})
    message = json.loads(written([NOTICE, over], NoticeFormat.SLACK))
    first, second = message["text"].splitlines()
    assert first.startswith("[web-1] (OPS-311) needs you: web-01 held: &lt;!channel&gt; &lt;img onerror=x&gt;")
    assert first.endswith("-&gt; rollout why web-1/web-01  https://wiki.example/web")
    assert "<" not in message["text"]
    assert (second, message["mrkdwn"]) == ("[web-1] over", False)


def test_the_other_chat_gets_a_card_of_text_runs_which_know_no_mark_up() -> None:
    message = json.loads(written([NOTICE], NoticeFormat.TEAMS))
    content = message["attachments"][0]["content"]
    (block,) = content["body"]
    assert (content["type"], block["type"]) == ("AdaptiveCard", "RichTextBlock")
    assert HOSTILE in block["inlines"][0]["text"]
    assert 'TextBlock"' not in json.dumps(message).replace("RichTextBlock", "")


@pytest.mark.parametrize("how", NoticeFormat)
def test_a_sentence_is_cut_and_holds_no_secret(how: NoticeFormat) -> None:
    url = "https://store.example/web.cspkg?sig=0123456789abcdef"
    body = written([replace(NOTICE, sentence=f"{url} {'x' * 5000}")], how).decode()
    assert "0123456789abcdef" not in body
    assert len(body) < SENTENCE_CHARS_MAX + 1000


# --- targets ---


def test_a_target_is_told_what_it_asked_for_and_once_however_often_it_is_named() -> None:
    digest = Digest("a" * 64)
    plans = tuple(
        NotifyPlan(digest, "https://x/…", (event,), NoticeFormat.SLACK)
        for event in (NoticeEvent.NEEDS_ATTENTION, NoticeEvent.NEEDS_ATTENTION, NoticeEvent.FINISHED)
    )
    plan = RolloutPlan(RolloutId("web-1"), Digest(""), Digest(""), (), notify=plans)
    own = Target(Secret("https://own.example"), NoticeFormat.JSON, trusted=True, events=(NoticeEvent.NEEDS_ATTENTION,))
    targets = Targets({"team": own})
    assert list(targets.of(plan, NOTICE)) == [f"slack/{digest}", "settings/team"]
    assert list(targets.of(plan, replace(NOTICE, event=NoticeEvent.FINISHED))) == [f"slack/{digest}"]
    assert list(targets.of(plan, replace(NOTICE, event=NoticeEvent.STARTED))) == []
    assert (targets.of_plan(f"slack/{digest}"), targets.of_plan("settings/team")) == (
        (NoticeFormat.SLACK, digest),
        None,
    )
    assert (targets.known("settings/team"), targets.known("settings/gone")) == (own, None)
    assert not Targets().wanted(replace(plan, notify=()))


# --- the feed ---


def recorded(position: int) -> Recorded:
    entry = Entry(StreamName("web"), position, Now(0.0, 0.0), "engine", WaveOpened("canary"))
    return Recorded(position, entry, f"{position:064}")


class Shelf:
    """A journal whose reads take a second, in which others write on."""

    def __init__(self) -> None:
        self.records: list[Recorded] = []
        self.reads = 0

    async def read(self, _: StreamName) -> Sequence[Recorded]:
        return self.records

    async def read_after(self, position: int, limit: int) -> Sequence[Recorded]:
        self.reads += 1
        found = [each for each in self.records if each.position > position][:limit]
        await asyncio.sleep(1)
        return found


def test_the_feed_gives_each_entry_once_from_the_journal_first_and_then_from_memory() -> None:
    async def main() -> tuple[list[int], int]:
        shelf = Shelf()
        shelf.records = [recorded(position) for position in range(1, 6)]
        feed = Feed(shelf, 2, handful=6)

        async def write() -> None:
            for position in range(6, 30):
                shelf.records.append(recorded(position))
                feed.hear([shelf.records[-1]])
                await asyncio.sleep(0.3)
            feed.close()

        found: list[int] = []
        async with asyncio.TaskGroup() as group:
            group.create_task(write(), name="writer")
            while (some := await feed.handful(5.0)) is not None:
                found += [each.position for each in some]
        return found, shelf.reads

    found, reads = run(main())
    assert found == list(range(3, 30))
    assert reads < 4


def test_a_reader_that_is_far_behind_reads_the_journal_instead_of_filling_memory() -> None:
    async def main() -> list[int]:
        shelf = Shelf()
        feed = Feed(shelf, 0)
        assert await feed.handful(2.0) == []
        for position in range(1, 2 * BEHIND_MAX + 2):
            shelf.records.append(recorded(position))
            feed.hear(shelf.records[-1:])
        feed.close()
        found: list[int] = []
        while (some := await feed.handful(None)) is not None:
            found += [each.position for each in some]
        return found

    assert run(main()) == list(range(1, 2 * BEHIND_MAX + 2))


# --- the heartbeat and the head ---


def test_the_heartbeat_beats_while_a_rollout_is_open_and_carries_the_head_of_the_chain() -> None:
    receiver = Receiver([Answer(500, b"", 0.0), NoAnswer("refused"), Answer(200, b"", 0.0)])
    state: Any = RolloutState(RolloutPlan(RolloutId("web-1"), Digest(""), Digest(""), ()), 1)
    open_ones = {RolloutId("web-1"): state}

    async def main() -> None:
        clock = EngineClock.on_running_loop(0.0, lambda: 0.0)
        heads = Heads()
        heads.hear([recorded(9)])
        beat = Heartbeat(Secret("https://dead.example/1"), 60.0, receiver.fetch, clock)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(beat.run(lambda: open_ones, heads), name="beat")
            await asyncio.sleep(250)
            open_ones.clear()
            await asyncio.sleep(600)
            task.cancel()

    with structlog.testing.capture_logs() as logs:
        run(main())
    assert [at for at, _ in receiver.requests] == pytest.approx([0, 60, 120, 180, 240])
    body = json.loads(receiver.requests[0][1].body or b"")
    assert body == {"rollouts": ["web-1"], "position": 9, "chain": f"{9:064}"}
    said = [(each["event"], each.get("reason")) for each in logs]
    assert said == [
        ("heartbeat_not_taken", "answered 500"),
        ("heartbeat_not_taken", "refused"),
        ("heartbeat_taken", None),
    ]


def test_the_head_of_the_chain_is_logged_at_intervals_while_it_moves() -> None:
    async def main() -> None:
        clock = EngineClock.on_running_loop(0.0, lambda: 0.0)
        heads = Heads()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(heads.run(clock), name="heads")
            heads.hear([recorded(1), recorded(2)])
            await asyncio.sleep(2.5 * HEAD_EVERY_S)
            heads.hear([recorded(3)])
            await asyncio.sleep(HEAD_EVERY_S)
            task.cancel()

    with structlog.testing.capture_logs() as logs:
        run(main())
    assert [(each["event"], each["position"], each["chain"]) for each in logs] == [
        ("journal_head", 2, f"{2:064}"),
        ("journal_head", 3, f"{3:064}"),
    ]
