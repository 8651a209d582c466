"""A state directory asked as a daemon is: read with or without an engine at work on it, and spoken to by its inbox."""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from rollout.cli.actor import actor
from rollout.cli.inbox import heard_reply, post
from rollout.core.approvals import plan_digest
from rollout.core.command import FOR_ROLLOUTS, Ask, Command, Verb
from rollout.core.names import ENGINE_STREAM, RolloutId, ServiceName
from rollout.core.reply import Reply, reply
from rollout.core.result import Result
from rollout.core.terms import Amendment
from rollout.errors import CommandRefused, UsageError
from rollout.journal.journal import Recorded
from rollout.journal.visitor import Visitor
from rollout.remote.event import Document, Event
from rollout.remote.refused import CountChanged
from rollout.remote.until import FINISHED
from rollout.remote.wait import wait_for
from rollout.views.choosing import EVERYTHING, Selection, chosen, known
from rollout.views.document import document, plain, service_document
from rollout.views.head import head_of
from rollout.views.reading import Read, read_all, read_attempts, read_rollout
from rollout.views.records import read_records
from rollout.views.releases import attempt_row
from rollout.views.report import report
from rollout.views.report_papers import papers_of, with_papers
from rollout.views.tell import engine_line
from rollout.views.timeline import timeline_entry

LOOK_S: Final = 1.0
"""How often the journal is looked at for what is new."""
PAGE: Final = 1_000
"""Entries read at once."""


class Here:
    """One state directory, with the methods of `rollout.remote.client.Client`."""

    def __init__(self, state: Path, answer_s: float) -> None:
        self._state = state
        self._answer_s = answer_s

    async def rollouts(self, *, attention: bool = False) -> list[Document]:
        """Give the heads of all rollouts, oldest first."""
        heads = [plain(head_of(read)) for read in read_all(self._state)]
        return [head for head in heads if head["attention"] or not attention]

    async def read(self, rollout: str, selection: Selection = EVERYTHING) -> Document:
        """Give one rollout, with its services or some of them; `engine` says whether anybody is at work on it."""
        read = read_rollout(self._state, RolloutId(rollout))
        return document(read, chosen(read, selection)) | {"engine": engine_line(read)}

    async def read_service(self, rollout: str, service: str) -> Document:
        """Give one service."""
        read = read_rollout(self._state, RolloutId(rollout))
        name = known(read, service)
        with Visitor.opened(self._state) as visitor:
            exchanges = visitor.exchanges(read.services[name].stream)
        return service_document(read, name, read.scene(), exchanges)

    async def timeline(self, rollout: str, service: str | None = None) -> AsyncIterator[Document]:
        """Give what happened, oldest first."""
        read = read_rollout(self._state, RolloutId(rollout))
        if service is not None:
            known(read, service)
        for recorded in self._after(0):
            entry = timeline_entry(recorded)
            if entry.rollout == rollout and service in {None, entry.service}:
                yield plain(entry)

    async def history(self, service: str) -> Document:
        """Give which releases a service had, newest first."""
        states, now = read_attempts(self._state, ServiceName(service))
        if not states:
            raise UsageError(f"no rollout knows a service {service}")
        items = [attempt_row(state, now) for state in states]
        return {"service": service, "items": items}

    async def report(self, rollout: str) -> Document:
        """Give a rollout's report."""
        records, read = read_records(self._state, RolloutId(rollout)), read_rollout(self._state, RolloutId(rollout))
        with Visitor.opened(self._state) as visitor:
            papers = {digest: visitor.payload(digest) for digest in papers_of(read.rollout)}
            wrong = visitor.exchanges_gone_wrong(RolloutId(rollout))
        document: Document = msgspec.to_builtins(with_papers(report(read, records, wrong), read.rollout, papers))
        return document

    async def watch(self, rollout: str | None = None, *, after: int | None = None) -> AsyncGenerator[Event, None]:
        """Give what happens from now on, looking every second."""
        position = after
        if position is None:
            position = self._position()
            yield Event("snapshot", position, {"position": position})
        while True:
            for recorded in self._after(position):
                position = recorded.position
                entry = timeline_entry(recorded)
                if rollout in {None, entry.rollout}:
                    yield Event("entry", position, plain(entry))
            await asyncio.sleep(LOOK_S)

    async def wait(self, rollout: str, *, until: str = FINISHED, timeout_s: float | None = None) -> Result:
        """Wait for a rollout."""
        return await wait_for(self, rollout, until, timeout_s)

    def _position(self) -> int:
        with Visitor.opened(self._state) as visitor:
            return visitor.position()

    def _after(self, position: int) -> Iterator[Recorded]:
        """Give what was recorded since, page by page."""
        with Visitor.opened(self._state) as visitor:
            while page := visitor.read_after(position, PAGE):
                yield from page
                position = page[-1].position

    async def weigh(
        self, verb: str, target: str, *, reason: str, selection: Selection = EVERYTHING, **flags: Any
    ) -> Document:
        """Say how many services a word would be for."""
        read, asked = self._ask(verb, target, selection, Command("", Verb(verb), actor(), reason, **flags))
        return {"count": _count(read, asked)}

    async def tell(
        self,
        verb: str,
        target: str,
        *,
        reason: str,
        selection: Selection = EVERYTHING,
        confirm_count: int | None = None,
        key: str | None = None,
        **flags: Any,
    ) -> Reply:
        """Say a word by the inbox. Raises CommandRefused where it is for more services than were counted."""
        command = Command(key or uuid.uuid4().hex, Verb(verb), actor(), reason, **flags)
        read, asked = self._ask(verb, target, selection, command)
        if confirm_count is not None and (number := _count(read, asked)) > confirm_count:
            message = f"it would be for {number} services by now, and not for {confirm_count}: ask again"
            raise CountChanged(message, number)
        if read.rollout.closed is not None:
            # Nothing can change it any more, so nobody has to be asked.
            return heard_reply(reply(read.rollout, read.services, asked, read.now)[0])
        return await post(self._state, asked, self._answer_s)

    async def terms(self, rollout: str, policy: str | Path, *, sets: Sequence[str] = ()) -> Document:
        """Say what a changed policy would amend. Raises CommandRefused where it would change anything else."""
        read, _, told, _ = self._amendment(rollout, policy, sets)
        return {"told": told, "plan": plan_digest(read.rollout.plan)}

    async def amend(
        self,
        rollout: str,
        policy: str | Path,
        *,
        sets: Sequence[str] = (),
        plan: str,
        reason: str,
        key: str | None = None,
    ) -> Reply:
        """Give a rollout the terms of a changed policy; `plan` is the one that was looked at."""
        _, wanted, _, text = self._amendment(rollout, policy, sets)
        with Visitor.opened(self._state, asks=True) as visitor:
            visitor.keep(text.encode())
        command = Command(key or uuid.uuid4().hex, Verb.AMEND, actor(), reason, amendment=wanted, plan=plan)
        return await post(self._state, Ask(RolloutId(rollout), None, command), self._answer_s)

    def _amendment(
        self, rollout: str, policy: str | Path, sets: Sequence[str]
    ) -> tuple[Read, Amendment, Sequence[str], str]:
        """Give the rollout, what is amended of it, that in words, and the changed policy's text."""
        from rollout.core.compile import compile_bundle
        from rollout.core.word_amend import amendment
        from rollout.policy.load import load_policy

        read = read_rollout(self._state, RolloutId(rollout))
        plans = {name: each.plan for name, each in read.services.items()}
        compiled = compile_bundle(load_policy(policy, sets=sets))
        wanted, told = amendment(read.rollout.plan, plans, compiled)
        if wanted is None:
            raise CommandRefused(
                f"{rollout} can be amended in timing, health and caps only. {policy} also changes {'; '.join(told)}: "
                "give it a new `rollout:` id"
            )
        return read, wanted, told, compiled.policy_text

    async def freeze(
        self, *, on: bool, reason: str, domains: bool = False, for_s: float | None = None, key: str | None = None
    ) -> Reply:
        """Begin no service of any rollout, or lift that."""
        until_wall = None if for_s is None else time.time() + for_s
        command = Command(
            key or uuid.uuid4().hex,
            Verb.FREEZE if on else Verb.UNFREEZE,
            actor(),
            reason,
            domains=domains,
            until_wall=until_wall,
        )
        return await post(self._state, Ask(RolloutId(ENGINE_STREAM), None, command), self._answer_s)

    def _ask(self, verb: str, target: str, selection: Selection, command: Command) -> tuple[Read, Ask]:
        rollout, _, service = target.partition("/")
        read = read_rollout(self._state, RolloutId(rollout))
        if service:
            return read, Ask(RolloutId(rollout), known(read, service), command)
        some = () if verb in FOR_ROLLOUTS or selection == EVERYTHING else tuple(chosen(read, selection))
        return read, Ask(RolloutId(rollout), None, command, some)


def _count(read: Read, asked: Ask) -> int:
    """Count who is spoken to: what has ended hears nothing but a retry, a closed rollout hears nothing."""
    if read.rollout.closed is not None:
        return 0
    if asked.service is not None:
        return 1
    names = asked.services or tuple(read.services)
    return sum(asked.command.verb is Verb.RETRY or read.services[name].ended is None for name in names)
