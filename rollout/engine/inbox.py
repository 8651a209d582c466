"""The inbox: takes what people ask, from other processes too, and answers each question once, through the ledger."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from rollout.core.command import FOR_ENGINES, Ask
from rollout.core.drafts import Draft
from rollout.core.evolve import IllegalFact
from rollout.core.fleet_state import RolloutState
from rollout.core.names import Now, RolloutId, ServiceName, StreamName
from rollout.core.reply import NOBODY, Kind, Reply, Said, reply, reply_engine
from rollout.core.service import ServiceRollout
from rollout.core.word_approval import Groups
from rollout.engine.clock import Clock
from rollout.engine.streams import RolloutLedger, newest_attempts, service_state
from rollout.errors import CommandRefused, JournalFull
from rollout.journal.journal import Answered, Journal, Question
from rollout.journal.pending import Pending

INBOX_POLL_S: Final = 0.5
"""How long a question from another process waits at most before it is read."""
TAKEN_MAX: Final = 100
"""Questions read at once."""


First = Callable[[Ask], "tuple[Reply, tuple[Draft, ...]] | None"]
"""Gives an answer and the facts that make it true, or None for what it has no say in."""


def nothing_first(_ask: Ask) -> None:
    """Have no say in anything."""


class Inbox:
    """One engine's ear. Facts and answer of a question become durable together, or neither does."""

    def __init__(
        self,
        journal: Journal,
        ledger: RolloutLedger,
        clock: Clock,
        heard: Callable[[StreamName], None],
        poll_s: float = INBOX_POLL_S,
        *,
        groups: Groups = NOBODY,
    ) -> None:
        """Tell `heard` at once of every stream that a word changed: before anybody decides on what was true before."""
        self._journal = journal
        self._ledger = ledger
        self._clock = clock
        self._heard = heard
        self._poll_s = poll_s
        self._groups = groups
        self.first: First = nothing_first
        """Answers before anybody else does what concerns this process more than the rollout."""
        self._one_at_a_time = asyncio.Lock()
        """Who takes questions answers them: were two to take the same ones, one answer would be a second one."""

    async def run(self) -> None:
        """Answer whatever comes, for ever; on a full disk nobody can be answered, and is later."""
        while True:
            with contextlib.suppress(JournalFull):
                await self.answer_all()
            await self._clock.sleep_until(self._clock.now().t + self._poll_s)

    async def answer_all(self) -> None:
        """Answer what waits, in the order in which it was asked; durable on return."""
        async with self._one_at_a_time:
            while questions := await self._journal.take(TAKEN_MAX):
                for recording in [self._answer(question) for question in questions]:
                    await recording

    async def say(self, ask: Ask) -> Reply:
        """Answer somebody in this process; durable on return."""
        now = self._clock.now()
        told, drafts = self._reply(ask, now)
        await self._record(drafts, ask.command.actor, now)
        return told

    async def hear(self, ask: Ask) -> Reply:
        """Answer somebody in this process, once for each key, in this life or a later one; durable on return."""
        command, text = ask.command, msgspec.json.encode(ask).decode()
        question = Question(command.key, command.actor, command.reason, text, self._clock.now().wall)
        await self._journal.post(question)
        if (told := await self._journal.answer_to(command.key)) is None:
            await self.answer_all()
            told = await self._journal.answer_to(command.key)
        if told is None:
            raise CommandRefused(f"{command.key} was withdrawn before it was read: ask again under a new key")
        return msgspec.json.decode(told, type=Reply)

    def weigh(self, ask: Ask) -> Reply:
        """Say what would be answered just now."""
        return self._reply(ask, self._clock.now())[0]

    def _answer(self, question: Question) -> Pending:
        """Judge and record in one turn, so that nothing can happen between the two."""
        now = self._clock.now()
        try:
            told, drafts = self._reply(msgspec.json.decode(question.command, type=Ask), now)
        except msgspec.MsgspecError as error:
            told, drafts = _unheard(question, f"it cannot be read: {error}"), ()
        try:
            return self._record(drafts, question.actor, now, _answered(question, told, now))
        except IllegalFact as error:
            # Whatever is wrong with one question must not stop every rollout, nor come back at the next start.
            told = _unheard(question, f"it does not fit what is recorded: {error}")
            return self._record((), question.actor, now, _answered(question, told, now))

    def _record(self, drafts: Sequence[Draft], actor: str, now: Now, *answers: Answered) -> Pending:
        pending = self._ledger.put(drafts, now=now, actor=actor, answers=answers)
        for stream, _ in drafts:
            self._heard(stream)
        return pending

    def _reply(self, ask: Ask, now: Now) -> tuple[Reply, tuple[Draft, ...]]:
        if ask.command.verb in FOR_ENGINES:
            return reply_engine(self._ledger.engine(), ask.command, now)
        if (own := self.first(ask)) is not None:
            return own
        rollout = self._ledger.rollout(ask.rollout)
        return reply(rollout, self._services(ask.rollout, rollout), ask, now, self._groups)

    def _services(self, rollout: RolloutId, state: RolloutState | None) -> dict[ServiceName, ServiceRollout]:
        """Give the newest attempts; those of a rollout that is over are not kept in memory, and hear nothing."""
        if state is None or state.closed is not None:
            return {}
        return {name: service_state(self._ledger, stream) for name, stream in newest_attempts(self._ledger, rollout)}


def _answered(question: Question, told: Reply, now: Now) -> Answered:
    return Answered(question.key, msgspec.json.encode(told).decode(), now.wall)


def _unheard(question: Question, why: str) -> Reply:
    said = Said(question.key, Kind.REFUSED, why, "the same command from this version of rollout")
    return Reply(Kind.REFUSED, (said,), {Kind.REFUSED.value: 1})
