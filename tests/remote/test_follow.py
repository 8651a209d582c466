import asyncio
import contextlib
from typing import Any

import pytest

from rollout.errors import EndpointUnreachable, Forbidden
from rollout.remote.follow import Endurance, follow
from rollout.remote.patience import Patience
from rollout.remote.wire import Wire

EVENTS = "/v1/events"


def event(position: int, kind: str = "entry") -> bytes:
    return f"id: {position}\nevent: {kind}\ndata: {{}}\n\n".encode()


async def heard(wire: Wire, number: int, **changes: Any) -> list[tuple[str, str]]:
    """Give the first events, as (kind, position)."""
    found: list[tuple[str, str]] = []
    async with contextlib.aclosing(follow(wire, query={}, **changes)) as messages:
        async for message in messages:
            found.append((message.event, message.id))
            if len(found) == number:
                break
    return found


async def test_a_broken_stream_is_gone_on_with_behind_the_last_event(double: Any, wire: Wire) -> None:
    first = double.streams(event(4, "snapshot"), event(5), event(6)[:-1])
    again = double.streams(event(6), event(7), stays=True)
    double.on("GET", EVENTS, first, double.drops(), double.drops(), again)  # the library asks once more by itself
    assert await heard(wire, 4) == [("snapshot", "4"), ("entry", "5"), ("entry", "6"), ("entry", "7")]
    assert [each.headers.get("Last-Event-ID") for each in double.seen] == [None, "5", "5", "5"]
    assert double.pauses == [0.25, 0.5]


async def test_an_event_that_comes_twice_is_given_once(double: Any, wire: Wire) -> None:
    double.on("GET", EVENTS, double.streams(event(5), event(5), event(4), event(6), stays=True))
    assert await heard(wire, 1, after=5) == [("entry", "6")]


async def test_heartbeats_are_not_given_and_do_not_move_the_position(double: Any, wire: Wire) -> None:
    beat = b"event: heartbeat\ndata: {}\n\n"
    double.on("GET", EVENTS, double.streams(beat, event(9), beat), double.streams(event(10), stays=True))
    assert await heard(wire, 2) == [("entry", "9"), ("entry", "10")]
    assert double.seen[1].headers["Last-Event-ID"] == "9"


async def test_events_that_are_not_kept_any_more_begin_again_with_a_snapshot(double: Any, wire: Wire) -> None:
    snapshot = double.streams(event(90, "snapshot"), stays=True)
    double.on("GET", EVENTS, double.problem(410, detail="kept for a day"), snapshot)
    assert await heard(wire, 1, after=3) == [("snapshot", "90")]
    assert "Last-Event-ID" not in double.seen[1].headers


async def test_a_stream_without_a_heartbeat_is_dead_and_opened_again(double: Any, wire: Wire) -> None:
    double.on("GET", EVENTS, double.streams(event(1), stays=True), double.streams(event(2), stays=True))
    assert await heard(wire, 2, endurance=Endurance(silent_s_max=0.05)) == [("entry", "1"), ("entry", "2")]


async def test_a_daemon_that_stays_away_is_given_up_after_a_while(double: Any) -> None:
    double.on("GET", EVENTS, double.problem(503, detail="draining"))

    async def pause(_: float) -> None:
        await asyncio.sleep(0.02)

    async with double.wire() as wire:
        wire.pause = pause
        with pytest.raises(EndpointUnreachable, match="draining; not heard for"):
            await heard(wire, 1, endurance=Endurance(dark_s_max=0.05))


async def test_a_stream_that_ends_each_time_it_is_opened_is_given_up(double: Any, wire: Wire) -> None:
    double.on("GET", EVENTS, double.streams())
    with pytest.raises(EndpointUnreachable, match="breaks the stream"):
        await heard(wire, 1, endurance=Endurance(patience=Patience(attempts=3)))
    assert len(double.seen) == 3


async def test_a_token_that_was_revoked_ends_the_following(double: Any, wire: Wire) -> None:
    double.on("GET", EVENTS, double.streams(event(1)), double.problem(401, detail="revoked"))
    with pytest.raises(Forbidden, match="revoked"):
        await heard(wire, 2)


@pytest.mark.parametrize("text", [b"data: \xff\n\n", b"data: \xff\n"])
async def test_what_is_no_stream_of_events_is_said_so(double: Any, wire: Wire, text: bytes) -> None:
    double.on("GET", EVENTS, double.streams(text))
    with pytest.raises(EndpointUnreachable, match="sends no stream of events"):
        await heard(wire, 1, endurance=Endurance(dark_s_max=-1.0))


async def test_another_content_type_is_no_stream_of_events(double: Any, wire: Wire) -> None:
    double.on("GET", EVENTS, double.says({}))
    with pytest.raises(EndpointUnreachable, match="no rollout daemon"):
        await heard(wire, 1, endurance=Endurance(dark_s_max=-1.0))
