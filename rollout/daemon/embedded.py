"""The engine inside a program of one's own: submit, tell, watch, await the outcome.

Nothing global is touched: no signal handler, no loop policy, no logging, no registry of metrics but its own.
"""

import asyncio
import contextlib
import logging
import os
import pwd
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import structlog
from structlog.typing import FilteringBoundLogger

from rollout.assembly import NO_FUNCTIONS
from rollout.core.command import Ask, Command, Verb
from rollout.core.names import RolloutId, ServiceName, rollout_stream
from rollout.core.reply import Reply
from rollout.core.result import Result
from rollout.core.service import ServiceRollout
from rollout.daemon.approving import Approver, Approving
from rollout.daemon.host import Host
from rollout.engine.groups import unwrapped
from rollout.errors import UsageError
from rollout.gates.python import CheckFunction
from rollout.policy.bundle import Bundle
from rollout.settings import RunSettings
from rollout.settings.choose import engine_settings
from rollout.settings.load import Loaded, load_settings
from rollout.settings.model import Settings
from rollout.settings.redaction import redact_event
from rollout.views.timeline import TimelineEntry, timeline_entry

Notifier = Callable[[TimelineEntry], Awaitable[None]]
_NO_FILE: Final = Loaded(Settings(), None)


class Engine:
    """One engine over one state directory, for the time of an `async with` block. Leaving it stops resumable.

    `endpoint` is an emulator on this machine; whoever means a real one names it, with its credentials, in `config`, a
    `rollout.toml`. `user` submits and speaks unless another name is given; its default is the login name.

    `checks` are async functions for `python` checks, by the names that policies use; `approver` answers approvals, and
    `notifier` is told of everything that happens, one after another. What they raise is logged, and stops nothing.

    >>> async def release() -> str:
    ...     async with Engine("state", endpoint=url) as engine:
    ...         running = await engine.submit(load_policy("web.yaml"))
    ...         async for news in running.watch():
    ...             if news.kind == "wave_opened":
    ...                 print(news.sentence)
    ...         return (await running.outcome()).outcome
    >>> asyncio.run(release())
    web: wave rest opened
    'succeeded'
    """

    def __init__(
        self,
        state: str | Path,
        *,
        endpoint: str | None = None,
        config: str | Path | None = None,
        user: str | None = None,
        checks: Mapping[str, CheckFunction] = NO_FUNCTIONS,
        approver: Approver | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        self._settings = _settings(Path(state), endpoint, config)
        self._user = user or pwd.getpwuid(os.geteuid()).pw_name
        self._checks = checks
        self._approver = approver
        self._notifier = notifier
        self._stack = contextlib.AsyncExitStack()
        self._host: Host | None = None
        self._approving: Approving | None = None

    async def __aenter__(self) -> Self:
        """Go on with every open rollout. Raises StateInUse, StateUnusable, UsageError, NoAccess."""
        async with self._stack as stack:
            opened = Host.opened(
                self._settings, checks=self._checks, command="a program of its own", logger=plain_logger()
            )
            host = self._host = await stack.enter_async_context(opened)
            stack.enter_context(unwrapped())
            group = await stack.enter_async_context(asyncio.TaskGroup())
            beside = []
            if self._approver is not None:
                self._approving = Approving(host, self._approver)
                beside.append(group.create_task(self._approving.run(), name="approver"))
            if self._notifier is not None:
                beside.append(group.create_task(_notify(host, self._notifier), name="notifier"))
            stack.push_async_callback(_finish, host, beside)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._host = None
        await self._stack.__aexit__(kind, error, trace)

    @property
    def host(self) -> Host:
        """The host behind it, for what is not told here. Raises UsageError outside the block."""
        if self._host is None:
            raise UsageError("the engine does not run: use it as `async with Engine(…) as engine`")
        return self._host

    async def submit(self, bundle: Bundle, *, user: str | None = None, key: str = "") -> "Running":
        """Begin with a policy; the same documents again are the same rollout.

        Raises PolicyError, EndpointUnreachable, and CommandRefused where the id is known with other documents.
        """
        admitted = await self.host.submit(bundle, actor=user or self._user, key=key)
        return self.rollout(admitted.rollout)

    def rollout(self, rollout: str) -> "Running":
        """Give a rollout by its id. Raises UsageError where there is none."""
        return Running(self, self.host.rollout(RolloutId(rollout)).plan.rollout)

    def rollouts(self) -> list["Running"]:
        """Give all rollouts, in the order in which they were opened."""
        return [Running(self, rollout) for rollout in self.host.rollouts()]

    async def outcome(self, rollout: RolloutId, *, strict_exit: bool = False) -> Result:
        """Wait as `Running.outcome` does."""
        while True:
            result = await self.host.outcome(rollout, strict_exit=strict_exit)
            # While the program's own approver thinks about it, it is no person's word that is waited for.
            if self._approving is None or not await self._approving.answered(rollout):
                return result

    async def tell(
        self, verb: str, target: str, *, reason: str, user: str | None = None, key: str | None = None, **flags: Any
    ) -> Reply:
        """Say a word such as `pause` to `ID` or `ID/SERVICE`; what it makes true is on disk on return.

        The same `key` again is answered again, and done once. `flags` are those of the verb, by the names that
        `rollout.core.command.Command` has for them. Raises UsageError for a verb or a flag that is not known.
        """
        rollout, _, service = target.partition("/")
        try:
            command = Command(key or uuid.uuid4().hex, Verb(verb), user or self._user, reason, **flags)
        except (ValueError, TypeError) as error:
            raise UsageError(f"cannot say {verb!r} so: {error}") from None
        return await self.host.say(Ask(RolloutId(rollout), ServiceName(service) if service else None, command))


class Running:
    """One rollout of an engine."""

    def __init__(self, engine: Engine, rollout: RolloutId) -> None:
        self.id = rollout
        self._engine = engine

    async def outcome(self, *, strict_exit: bool = False) -> Result:
        """Wait until it is over, or until only a person moves it on. Whoever is cancelled has merely looked away."""
        return await self._engine.outcome(self.id, strict_exit=strict_exit)

    async def tell(self, verb: str, *, reason: str, service: str | None = None, **flags: Any) -> Reply:
        """Say a word to it, or to one of its services; as `Engine.tell`."""
        target = self.id if service is None else f"{self.id}/{service}"
        return await self._engine.tell(verb, target, reason=reason, **flags)

    def services(self) -> Mapping[ServiceName, ServiceRollout]:
        """Give where its services are, in fleet order."""
        return self._engine.host.services(self.id)

    async def watch(self, after: int = 0) -> AsyncGenerator[TimelineEntry, None]:
        """Give what happened to it since position `after`, then what happens, until it is over."""
        own = rollout_stream(self.id)
        async with contextlib.aclosing(self._engine.host.follow(after)) as entries:
            async for recorded in entries:
                news = timeline_entry(recorded)
                if news.rollout != self.id:
                    continue
                yield news
                if recorded.entry.stream == own and news.kind == "rollout_closed":
                    return


def plain_logger() -> FilteringBoundLogger:
    """Log by the standard library, under `rollout`: it is the program that says what becomes of that."""
    logger: FilteringBoundLogger = structlog.wrap_logger(
        logging.getLogger("rollout"),
        processors=[
            structlog.stdlib.filter_by_level,
            redact_event,
            structlog.processors.LogfmtRenderer(key_order=["event"], drop_missing=True),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return logger


async def _notify(host: Host, notifier: Notifier) -> None:
    async for recorded in host.follow():
        news = timeline_entry(recorded)
        try:
            await notifier(news)
        except Exception as error:  # noqa: BLE001 - somebody else's code; it must not take the engine down
            host.works.logger.warning("notifier_failed", position=news.position, why=f"{type(error).__name__}: {error}")


async def _finish(host: Host, beside: list[asyncio.Task[None]]) -> None:
    """Drain while everybody is still told; then nobody is asked any more."""
    await host.drained()
    for task in beside:
        task.cancel()


def _settings(state: Path, endpoint: str | None, config: str | Path | None) -> RunSettings:
    flags = {"state": ("state", state)}
    if config is None:
        # A program that names no file does not depend on one that happens to lie about, nor on its environment.
        return RunSettings(endpoint=engine_settings(_NO_FILE, endpoint=endpoint).endpoint, state=state)
    return engine_settings(load_settings(str(config), flags=flags, environ={}), endpoint=endpoint)
