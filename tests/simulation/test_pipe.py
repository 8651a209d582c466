"""Pipes are like TCP: in order, held up by a reader that pauses, closed behind what was written, reset at once."""

import asyncio
from collections import deque
from collections.abc import Callable

from rollout.simulation.loop import run
from rollout.simulation.pipe import HIGH_BYTES, End


class Post:
    """A carrier that keeps what it is given until the test lets it through."""

    def __init__(self) -> None:
        self.sent: deque[Callable[[], None]] = deque()

    def carry(self, end: End, data: bytes) -> None:
        self.sent.append(lambda: end.peer.arrive(data))

    def hang_up(self, end: End, *, reset: bool) -> None:
        self.sent.append(end.peer.lose if reset else end.peer.part)

    def deliver(self) -> None:
        while self.sent:
            self.sent.popleft()()


class Noted(asyncio.Protocol):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def data_received(self, data: bytes) -> None:
        self.told.append(data)

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append(("lost", type(exc).__name__))


class Pair:
    """Two joined ends."""

    def __init__(self) -> None:
        loop, self.post = asyncio.get_running_loop(), Post()
        self.near, self.far = (End(loop, lambda step: step(), self.post, ("127.0.0.1", 1)) for _ in range(2))
        self.near.peer, self.far.peer = self.far, self.near
        self.one, self.other = Noted(), Noted()
        self.near.make(self.one)
        self.far.make(self.other)


def on_a_loop(scene: Callable[[Pair], object]) -> None:
    """Play a scene, with a turn of the loop behind it."""

    async def main() -> None:
        pair = Pair()
        result = scene(pair)
        if asyncio.iscoroutine(result):
            await result

    run(main())


def test_bytes_arrive_in_order_and_a_goodbye_behind_them() -> None:
    async def scene(pair: Pair) -> None:
        pair.near.write(b"one")
        pair.near.writelines([b"two", b"three"])
        pair.near.close()
        pair.near.write(b"after the end")
        await asyncio.sleep(0)
        assert pair.one.told == [("lost", "NoneType")]
        pair.post.deliver()
        await asyncio.sleep(0)
        assert pair.other.told == [b"one", b"twothree", ("lost", "NoneType")]
        assert pair.far.is_closing()

    on_a_loop(scene)


def test_a_reader_that_pauses_gets_nothing_and_loses_nothing() -> None:
    async def scene(pair: Pair) -> None:
        pair.far.pause_reading()
        pair.near.write(b"one")
        pair.near.close()
        pair.post.deliver()
        assert (pair.other.told, pair.far.is_reading()) == ([], False)
        pair.far.resume_reading()
        assert pair.far.is_reading()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert pair.other.told == [b"one", ("lost", "NoneType")]

    on_a_loop(scene)


def test_a_writer_is_asked_to_pause_until_enough_has_been_read() -> None:
    def scene(pair: Pair) -> None:
        pair.far.pause_reading()
        pair.near.write(b"x" * HIGH_BYTES)
        assert pair.one.told == []
        pair.near.write(b"y")
        assert pair.one.told == ["pause"]
        assert pair.near.get_write_buffer_size() == HIGH_BYTES + 1
        pair.far._paused = False
        pair.post.deliver()
        assert pair.one.told == ["pause", "resume"]
        assert pair.near.get_write_buffer_size() == 0

    on_a_loop(scene)


def test_a_reset_drops_what_was_held_back() -> None:
    async def scene(pair: Pair) -> None:
        pair.far.pause_reading()
        pair.near.write(b"one")
        pair.near.abort()
        pair.post.deliver()
        assert pair.other.told == [("lost", "ConnectionResetError")]
        pair.far.resume_reading()
        pair.far.close()
        await asyncio.sleep(0)
        assert pair.other.told == [("lost", "ConnectionResetError")]

    on_a_loop(scene)


def test_a_dead_end_tells_nobody_anything() -> None:
    def scene(pair: Pair) -> None:
        pair.near.forget()
        pair.far.write(b"too late")
        pair.far.close()
        pair.post.deliver()
        assert pair.one.told == []

    on_a_loop(scene)


def test_an_end_says_what_libraries_ask_of_a_transport() -> None:
    def scene(pair: Pair) -> None:
        assert pair.near.get_extra_info("peername") == ("127.0.0.1", 1)
        assert pair.near.get_extra_info("socket") is None
        assert not pair.near.can_write_eof()
        assert pair.near.get_protocol() is pair.one
        pair.near.set_protocol(pair.other)
        pair.far.write(b"to another")
        pair.post.deliver()
        assert pair.other.told == [b"to another"]

    on_a_loop(scene)
