"""A program's own approver: asked once for each approval that a rollout waits for, in whoever's name it answers."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from rollout.core.approvals import Owed, Standing, asked, plan_digest, standing
from rollout.core.command import Ask, Command, Verb
from rollout.core.fleet_event import ApprovalAsked
from rollout.core.names import Digest, RolloutId, is_rollout_stream
from rollout.core.reply import Kind
from rollout.daemon.host import Host
from rollout.errors import RolloutError


class ApprovalRequest(msgspec.Struct, frozen=True):
    """What is asked."""

    rollout: RolloutId
    scope: str
    """The wave; empty = the whole rollout."""
    by: str
    """The group that one who approves is in."""
    plan: Digest
    """Of the plan as it is now: what is approved."""
    submitter: str
    """Who may not approve."""
    until_wall: float
    """POSIX seconds at which it has not been given in time."""


class Decision(msgspec.Struct, frozen=True):
    """A person's answer. The engine asks the same of it as of any approval: group, not the submitter, in time."""

    who: str
    approve: bool
    reason: str


Approver = Callable[[ApprovalRequest], Awaitable[Decision | None]]
"""None = somebody else answers, by a command."""


class Approving:
    """Asks `approver` for as long as `run` runs: what waits already, then whatever is asked for."""

    def __init__(self, host: Host, approver: Approver) -> None:
        self._host = host
        self._approver = approver
        self._asking: dict[ApprovalRequest, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Ask for ever, many at once; how long each answer takes is nothing to the others."""
        after = self._host.position
        async with asyncio.TaskGroup() as self._group:
            for rollout in self._host.rollouts():
                self._ask(rollout)
            async for recorded in self._host.follow(after):
                stream = recorded.entry.stream
                if is_rollout_stream(stream) and isinstance(recorded.entry.fact, ApprovalAsked):
                    self._ask(RolloutId(stream))

    async def answered(self, rollout: RolloutId) -> bool:
        """Wait until the approver has answered what a rollout waits for; False = there was nothing to wait for."""
        self._ask(rollout)
        asking = [task for request, task in self._asking.items() if request.rollout == rollout and not task.done()]
        if asking:
            await asyncio.wait(asking)
        return bool(asking)

    def _ask(self, rollout: RolloutId) -> None:
        if self._group is None:
            return
        state, now = self._host.rollout(rollout), self._host.now()
        if state.closed is not None:
            return
        for owed in asked(state):
            request = self._request(rollout, owed)
            if standing(state, owed, now) is Standing.PENDING and request not in self._asking:
                self._asking[request] = self._group.create_task(
                    self._one(request), name=f"approver {rollout} {owed.scope}"
                )

    def _request(self, rollout: RolloutId, owed: Owed) -> ApprovalRequest:
        state = self._host.rollout(rollout)
        until_wall = state.approvals[owed.scope].until_wall
        return ApprovalRequest(
            rollout, owed.scope, owed.plan.by, plan_digest(state.plan), state.plan.submitter, until_wall
        )

    async def _one(self, request: ApprovalRequest) -> None:
        log = self._host.works.logger.bind(rollout=request.rollout, scope=request.scope)
        try:
            decision = await self._approver(request)
        except Exception as error:  # noqa: BLE001 - somebody else's code; the approval waits on, for a person's command
            log.warning("approver_failed", why=f"{type(error).__name__}: {error}")
            return
        if decision is None:
            return
        verb = Verb.APPROVE if decision.approve else Verb.REJECT
        # One key for each request, so that a program that starts anew and is asked again has said it once.
        key = f"approver/{request.rollout}/{request.scope}/{request.until_wall:.3f}/{verb}"[:128]
        command = Command(key, verb, decision.who, decision.reason, wave=request.scope or None, plan=request.plan)
        try:
            told = await self._host.say(Ask(request.rollout, None, command))
        except RolloutError as error:
            log.warning("approval_not_taken", why=str(error))
            return
        if told.kind is Kind.REFUSED:
            log.warning("approval_not_taken", why=told.said[0].text, would_work=told.said[0].instead)
