import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.remote import sse
from rollout.remote.sse import BadStream, Message, Reader

STREAM = b": hello\nid: 7\nevent: snapshot\ndata: {\ndata: }\n\nevent: heartbeat\ndata:\n\nid: 8\ndata: x\n\ndata: cut"
SEEN = [Message("snapshot", "{\n}", "7"), Message("heartbeat", "", "7"), Message("message", "x", "8")]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
@given(cuts=st.lists(st.integers(0, 120), max_size=8))
def test_events_are_the_same_however_the_stream_is_cut_and_ended(end: bytes, cuts: list[int]) -> None:
    stream = STREAM.replace(b"\n", end)
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    reader = Reader()
    chunks = [stream[a:b] for a, b in itertools.pairwise(edges)]
    assert [message for chunk in chunks for message in reader.feed(chunk)] == SEEN


def test_an_event_without_data_is_none_and_its_name_is_forgotten() -> None:
    assert list(Reader().feed(b"event: entry\n\ndata: y\n\n")) == [Message("message", "y", "")]


def test_a_byte_order_mark_is_dropped_at_the_very_beginning_only() -> None:
    found = list(Reader().feed("\ufeffdata: a\n\n\ufeffdata: b\n\ndata: c\n\n".encode()))
    assert [each.data for each in found] == ["a", "c"]


def test_an_id_with_a_nul_is_passed_over() -> None:
    assert list(Reader().feed(b"id: 3\nid: 4\0\ndata: a\n\n")) == [Message("message", "a", "3")]


def test_a_line_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "LINE_BYTES_MAX", 10)
    with pytest.raises(BadStream, match="a line is longer"):
        list(Reader().feed(b"data: 123456"))


def test_an_event_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "EVENT_BYTES_MAX", 10)
    with pytest.raises(BadStream, match="an event is larger"):
        list(Reader().feed(b"data: 12345\ndata: 12345\n\n"))


def test_what_is_not_utf_8_is_no_stream() -> None:
    with pytest.raises(BadStream, match="not UTF-8"):
        list(Reader().feed(b"data: \xff\n"))
