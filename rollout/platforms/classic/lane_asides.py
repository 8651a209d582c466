"""Questions that no lane can answer, asked by the ordinary client: few at a time, each told once."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine

from rollout.core.outcome import Unreachable
from rollout.platforms.classic.lane_questions import Questions
from rollout.platforms.classic.lane_way import Way


class Asides:
    """What waits for the ordinary client."""

    def __init__(
        self, way: Way, asides_max: int, tasks: asyncio.TaskGroup, renewed: Callable[[], Awaitable[None]]
    ) -> None:
        """`renewed` is awaited once the ordinary client has seen to a token that was refused."""
        self.holds = False
        """Our token was refused: until the ordinary client has seen to it, nothing else is sent."""
        self._way = way
        self._free = asides_max
        self._tasks = tasks
        self._renewed = renewed
        self._waiting: deque[Questions] = deque()
        self._running: set[asyncio.Task[None]] = set()

    def put(self, question: Questions) -> None:
        """Ask as soon as few enough others are being asked."""
        self._waiting.append(question)
        self._next()

    def renew_with(self, question: Questions) -> None:
        """Ask with a renewed token if there is one. Others that were refused meanwhile are asked after it."""
        if self.holds:
            self.put(question)
            return
        self.holds = True
        self._spawn(self._renew(question))

    def speak_for(self, questions: deque[Questions]) -> None:
        """Ask one of `questions`. If the ordinary client comes no further, its answer is everybody's."""
        self._spawn(self._speak(questions))

    def close(self) -> None:
        """Ask nothing more."""
        self._waiting.clear()
        for task in self._running:
            task.cancel()

    async def _renew(self, question: Questions) -> None:
        await self._ask(question)
        self.holds = False
        await self._renewed()

    async def _speak(self, questions: deque[Questions]) -> None:
        first = questions.popleft()
        progress = await self._way.ask(first.handle)
        first.tell(progress)
        if isinstance(progress, Unreachable):
            for each in questions:
                each.tell(progress)
        else:
            self._waiting.extend(questions)
            self._next()

    async def _one(self, question: Questions) -> None:
        await self._ask(question)
        self._free += 1
        self._next()

    async def _ask(self, question: Questions) -> None:
        question.tell(await self._way.ask(question.handle))

    def _next(self) -> None:
        while self._free and self._waiting:
            self._free -= 1
            self._spawn(self._one(self._waiting.popleft()))

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = self._tasks.create_task(work, name=f"question aside to {self._way.host}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
