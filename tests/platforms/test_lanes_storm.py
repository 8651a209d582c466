"""Thousands of handles in a storm of faults: whatever the network does, each waiter hears the right end once.

The server of the first test is cut short, restarted and made to lie by a seed; ROLLOUT_LONG=1 makes it a hundred
thousand handles.
"""

import asyncio
import os
import random
import struct
from collections import Counter
from socket import SO_LINGER, SOL_SOCKET, socket
from typing import Final

import pytest

from rollout.core.names import Digest, Now
from rollout.core.outcome import Failed, Handle, Progress, Succeeded
from rollout.engine.clock import EngineClock
from rollout.engine.pacer import Pace, Pacer
from rollout.engine.timetable import Regular
from rollout.engine.tracker import Tracker
from rollout.errors import JournalDamaged
from rollout.platforms.classic.lane_limits import LaneLimits
from rollout.platforms.classic.platform import ClassicPlatform

LONG: Final = os.environ.get("ROLLOUT_LONG") == "1"
HANDLES: Final = 100_000 if LONG else 800
SCOPES: Final = tuple(f"00000000-0000-4000-8000-00000000000{number}" for number in range(4))
PACE: Final = Pace(start=1e6, floor=1e6, ceiling=1e6, rise=0.0)
POLLS_TO_END: Final = 3
CALM_AFTER: Final = 12
"""A handle asked about so often meets no more faults, so that everything ends."""
ERROR: Final = "<Error><Code>{}</Code><Message>a storm</Message></Error>"
OPERATION: Final = (
    '<Operation xmlns="http://schemas.microsoft.com/windowsazure"><ID>{}</ID><Status>{}</Status>{}</Operation>'
)


class Nothing:
    """No payloads: nothing is submitted here."""

    async def payload(self, digest: Digest) -> bytes:
        raise JournalDamaged(digest)


def ends_well(id_: str) -> bool:
    return int(id_, 16) % 5 != 0


def reply(status: int, body: str, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Reason", f"Content-Length: {len(body)}", "x-ms-rollout-pipelining: 8", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def truth(id_: str, asked: int) -> bytes:
    """Say what is true of an operation that has been asked about so often."""
    if asked < POLLS_TO_END:
        return reply(200, OPERATION.format(id_, "InProgress", ""))
    if ends_well(id_):
        return reply(200, OPERATION.format(id_, "Succeeded", "<HttpStatusCode>200</HttpStatusCode>"))
    return reply(200, OPERATION.format(id_, "Failed", ERROR.format("ConflictError")))


class Storm:
    """A server that answers, refuses, lies, cuts, resets and is restarted, as chance has it."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)  # noqa: S311 -- a seed, no secret
        self._times: Counter[str] = Counter()
        self._writers: set[asyncio.StreamWriter] = set()
        self._listener: asyncio.Server | None = None
        self._meetings: set[asyncio.Task[None]] = set()
        self.port = 0
        self.met: Counter[str] = Counter()

    async def start(self) -> None:
        self._listener = await asyncio.start_server(self._meet, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._listener is not None
        self._listener.close()
        for writer in tuple(self._writers):
            writer.transport.abort()
        for task in tuple(self._meetings):
            task.cancel()
        await asyncio.sleep(0)
        await self._listener.wait_closed()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._meetings.add(task)
        self._writers.add(writer)
        left = b""
        try:
            while chunk := await reader.read(1 << 16):
                *heads, left = (left + chunk).split(b"\r\n\r\n")
                for head in heads:
                    if not self._answer(head.split(b" ", 2)[1].decode(), writer):
                        return
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._meetings.discard(task)
            self._writers.discard(writer)
            writer.close()

    def _answer(self, path: str, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False = the connection is done for."""
        id_ = path.rpartition("/")[2]
        self._times[id_] += 1
        whole = truth(id_, self._times[id_])
        fault = self._fault() if self._times[id_] < CALM_AFTER else "none"
        self.met[fault] += 1
        match fault:
            case "throttled":
                writer.write(reply(503, ERROR.format("TooManyRequests")))
            case "page":
                writer.write(reply(502, "<html>Bad Gateway</html>"))
            case "redirected":
                writer.write(reply(307, "", f"Location: http://127.0.0.1:{self.port}{path}"))
            case "another":
                writer.write(reply(200, OPERATION.format("f" * 32, "Succeeded", "")))
            case "encoded":
                writer.write(reply(200, "xx", "Content-Encoding: gzip"))
            case "closing":
                writer.write(whole.replace(b"x-ms-rollout", b"Connection: close\r\nx-ms-rollout"))
                return False
            case "cut":
                writer.write(whole[: self._draw.randrange(1, len(whole))])
                return False
            case "reset":
                raw: socket = writer.get_extra_info("socket")
                raw.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
                return False
            case _:
                writer.write(whole)
        return True

    def _fault(self) -> str:
        names = ("throttled", "page", "redirected", "another", "encoded", "closing", "cut", "reset")
        drawn = self._draw.random() * 50
        return names[int(drawn)] if drawn < len(names) else "none"


@pytest.mark.timeout(1_800 if LONG else 120)
@pytest.mark.parametrize("depth", [1, 8])
async def test_every_handle_ends_right_and_each_waiter_is_told_once(depth: int) -> None:
    storm = Storm(seed=depth)
    await storm.start()
    limits = LaneLimits(lanes=16, depth=depth, reopen_s_min=0.001, reopen_s_max=0.05)
    platform = ClassicPlatform(f"http://127.0.0.1:{storm.port}", Nothing(), request_timeout_s=20.0, lanes=limits)
    clock = EngineClock.on_running_loop(0.0, lambda: 0.0)
    pacer = Pacer(clock, reads=PACE, writes=PACE)
    tracker = Tracker(platform, pacer, clock, draw=lambda: 0.001, timetable=Regular(0.2))
    ended: Counter[tuple[str, bool]] = Counter()
    all_told = asyncio.Event()

    def follow(id_: str) -> None:
        def tell(progress: Progress, _: Now) -> bool:
            if not isinstance(progress, Succeeded | Failed):
                return False
            ended[id_, isinstance(progress, Succeeded)] += 1
            if len(ended) == HANDLES:
                all_told.set()
            return True

        tracker.poll(Handle(SCOPES[int(id_, 16) % len(SCOPES)], id_), tell, due_t=1e9)

    for number in range(HANDLES):
        follow(f"{number:032x}")
    async with asyncio.TaskGroup() as group:
        run = group.create_task(tracker.run())
        for _ in range(3):
            await clock.sleep_until(clock.now().t + 0.3)
            await storm.stop()
            await clock.sleep_until(clock.now().t + 0.1)
            await storm.start()
        await all_told.wait()
        run.cancel()
    await platform.close()
    await storm.stop()
    assert ended == Counter({(id_, ends_well(id_)): 1 for id_ in (f"{number:032x}" for number in range(HANDLES))})
    assert tracker.held == 0
    assert min(storm.met[name] for name in ("throttled", "redirected", "another", "cut", "reset")) > 0
