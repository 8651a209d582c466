"""Sends what waits in the outbox: one worker for each target, in order, until it is taken or given up."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog
from structlog.typing import FilteringBoundLogger

from rollout.core.names import Digest
from rollout.core.notice import Notice, NoticeFormat
from rollout.engine.clock import Clock
from rollout.errors import JournalDamaged, JournalFull
from rollout.gates.fetch import Answer, NoAnswer, Request
from rollout.gates.signature import signed
from rollout.gates.webhook import Pen
from rollout.journal.outbox import Outbox, Posted, Standing
from rollout.notify.targets import Target, Targets
from rollout.notify.templates import written
from rollout.settings import Secret

BATCH_MAX: Final = 50
"""Notices in one post."""
TIMEOUT_S: Final = 10.0
ATTEMPTS_MAX: Final = 12
"""A notice is given up after as many: with the pauses below, after about half an hour."""
PAUSE_S_MAX: Final = 300.0
PAUSE_EXPONENT_MAX: Final = 12
SAID_CHARS_MAX: Final = 200
OK_FROM, OK_BELOW = 200, 300

Count = Callable[[str, int], None]
"""Hears what became of so many notices: sent, not_taken (tried again), given_up."""
Fetch = Callable[[Request], Awaitable[Answer | NoAnswer]]


@dataclass(frozen=True, slots=True)
class Wire:
    """How a post is made: the URLs of policies by digest, the fetcher, and what our own JSON is signed with."""

    urls: Callable[[Digest], Awaitable[bytes]]
    fetch: Fetch
    pen: Pen | None


class Sender:
    """Posts to targets. It never raises for what the world does wrong: that is noted beside each notice."""

    def __init__(
        self,
        outbox: Outbox,
        targets: Targets,
        wire: Wire,
        clock: Clock,
        draw: Callable[[], float],
        *,
        logger: FilteringBoundLogger | None = None,
        count: Count | None = None,
    ) -> None:
        self._outbox = outbox
        self._targets = targets
        self._wire = wire
        self._clock = clock
        self._draw = draw
        self._news: dict[str, asyncio.Event] = {}
        self._ending = asyncio.Event()
        self._log = logger or structlog.get_logger("rollout.notify")
        self._count = count or _uncounted

    def tell(self, target: str, start: Callable[[str], object]) -> None:
        """Hear that something waits for a target; `start` begins its worker where there is none yet."""
        if target not in self._news:
            self._news[target] = asyncio.Event()
            start(target)
        self._news[target].set()

    def end(self) -> None:
        """Let the workers end: each once nothing waits for its target, or after one more post that is not taken."""
        self._ending.set()
        for news in self._news.values():
            news.set()

    async def work(self, target: str) -> None:
        """Send whatever waits for one target; after a failure a pause, each longer than the one before."""
        failures = 0
        while True:
            self._news[target].clear()
            last = self._ending.is_set()
            sent = await self._next(target)
            if sent:
                failures = 0
            elif last:
                return
            elif sent is None:
                if not self._ending.is_set():
                    await self._news[target].wait()
            else:
                failures += 1
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._pause_s(failures)):
                        await self._ending.wait()

    async def _next(self, target: str) -> bool | None:
        """Post the first that wait: True = taken, False = not, None = nothing waits."""
        letters = await self._outbox.waiting_letters(target, BATCH_MAX)
        if not letters:
            return None
        said = await self._posted(target, letters)
        try:
            await self._note(target, letters, said)
        except JournalFull:
            return False  # taken and not noted is sent again, under the same keys
        return said is None

    async def _posted(self, target: str, letters: Sequence[Posted]) -> str | None:
        """Post once; None = taken, else why it was not."""
        known = await self._resolved(target)
        if isinstance(known, str):
            return known
        notices = [msgspec.json.decode(each.body, type=Notice) for each in letters]
        body = written(notices, known.format)
        headers = {"Content-Type": "application/json"}
        pen = self._wire.pen
        if pen is not None and known.format is NoticeFormat.JSON:
            headers |= signed(pen.key, pen.secret.reveal(), pen.fresh_id(), self._clock.now().wall, body)
        elif known.format is NoticeFormat.JSON:
            return "not sent: the settings have no key to sign with (webhooks.keys)"
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await self._wire.fetch(
                    Request(known.url.reveal(), "POST", headers, body, trusted=known.trusted)
                )
        except TimeoutError:
            return f"no answer within {TIMEOUT_S:g} s"
        if isinstance(answer, NoAnswer):
            return answer.detail
        return None if OK_FROM <= answer.status < OK_BELOW else f"answered {answer.status}"

    async def _resolved(self, target: str) -> Target | str:
        of_plan = Targets.of_plan(target)
        if of_plan is None:
            return self._targets.known(target) or "the settings name it no more"
        how, digest = of_plan
        try:
            url = Secret((await self._wire.urls(digest)).decode())
        except JournalDamaged as error:
            return str(error)
        return Target(url, how, trusted=False)

    async def _note(self, target: str, letters: Sequence[Posted], said: str | None) -> None:
        """Write down what became of them."""
        wall, numbers = self._clock.now().wall, [each.number for each in letters]
        if said is None:
            await self._outbox.tried_letters(numbers, Standing.TAKEN, wall, "")
            self._log.info("notices_sent", target=_short(target), notices=len(letters))
            self._count("sent", len(letters))
            return
        last = [each.number for each in letters if each.attempts + 1 >= ATTEMPTS_MAX]
        again = [number for number in numbers if number not in last]
        await self._outbox.tried_letters(again, Standing.WAITS, wall, said[:SAID_CHARS_MAX])
        await self._outbox.tried_letters(last, Standing.GIVEN_UP, wall, said[:SAID_CHARS_MAX])
        waiting, given_up = len(again), len(last)
        self._count("not_taken", waiting)
        self._count("given_up", given_up)
        self._log.warning("notices_not_sent", target=_short(target), reason=said, waiting=waiting, given_up=given_up)

    def _pause_s(self, failures: int) -> float:
        longest_s = min(float(2 ** min(failures, PAUSE_EXPONENT_MAX)), PAUSE_S_MAX)
        return longest_s * (0.5 + 0.5 * self._draw())


def _uncounted(_outcome: str, _notices: int) -> None:
    """Count nothing."""


def _short(target: str) -> str:
    """Name a target in a log: the digest of a URL tells nobody anything, its beginning tells two of them apart."""
    return target[:20]
