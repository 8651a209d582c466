"""Where a verb finds its rollouts: a state directory on this machine, or a daemon; the one place that chooses."""

import contextlib
import functools
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import click

from rollout.cli.params import config_option, state_option

if TYPE_CHECKING:
    from pathlib import Path

    from rollout.core.reply import Reply
    from rollout.core.result import Result
    from rollout.remote.client import Client
    from rollout.remote.event import Document, Event
    from rollout.views.choosing import Selection

ANSWER_S: Final = 10.0
"""How long a word in a state directory waits for an engine to answer; one that runs needs half a second."""


class Origin(NamedTuple):
    """Where, as the command line says it."""

    config: str | None = None
    state: str | None = None
    url: str | None = None
    token_file: str | None = None
    ca: str | None = None


class Where(Protocol):
    """What verbs ask of a state directory and of a daemon alike; see `rollout.remote.client.Client`."""

    async def rollouts(self, *, attention: bool = False) -> "list[Document]":
        """Give the heads of all rollouts, or of those that wait for a person."""
        ...

    async def read(self, rollout: str, selection: "Selection" = ...) -> "Document":
        """Give one rollout, with its services or some of them."""
        ...

    async def read_service(self, rollout: str, service: str) -> "Document":
        """Give one service with all that is known of it."""
        ...

    def timeline(self, rollout: str, service: str | None = None) -> "AsyncIterator[Document]":
        """Give what happened, oldest first."""
        ...

    async def history(self, service: str) -> "Document":
        """Give which releases a service had, newest first."""
        ...

    async def report(self, rollout: str) -> "Document":
        """Give a rollout's report."""
        ...

    def watch(self, rollout: str | None = None, *, after: int | None = None) -> "AsyncGenerator[Event, None]":
        """Give what happens from now on, without end."""
        ...

    async def wait(self, rollout: str, *, until: str = ..., timeout_s: float | None = None) -> "Result":
        """Wait for a rollout."""
        ...

    async def weigh(
        self, verb: str, target: str, *, reason: str, selection: "Selection" = ..., **flags: Any
    ) -> "Document":
        """Say whom a word would be for and what it would change; nothing is done."""
        ...

    async def tell(
        self,
        verb: str,
        target: str,
        *,
        reason: str,
        selection: "Selection" = ...,
        confirm_count: int | None = None,
        key: str | None = None,
        **flags: Any,
    ) -> "Reply":
        """Say a word and give its answer."""
        ...

    async def terms(self, rollout: str, policy: "str | Path", *, sets: "Sequence[str]" = ()) -> "Document":
        """Say what a changed policy would amend."""
        ...

    async def amend(
        self,
        rollout: str,
        policy: "str | Path",
        *,
        sets: "Sequence[str]" = (),
        plan: str,
        reason: str,
        key: str | None = None,
    ) -> "Reply":
        """Give a rollout the terms of a changed policy."""
        ...

    async def freeze(
        self, *, on: bool, reason: str, domains: bool = False, for_s: float | None = None, key: str | None = None
    ) -> "Reply":
        """Begin no service of any rollout, or lift that."""
        ...


_OPTIONS: Final = (
    click.option(
        "--url", envvar="ROLLOUT_URL", metavar="URL", help="A daemon to ask.  [default: none, but the state directory]"
    ),
    click.option(
        "--token-file",
        type=click.Path(dir_okay=False),
        metavar="FILE",
        help="Who you are to the daemon.  [default: $ROLLOUT_TOKEN, or what a daemon of yours left in its state]",
    ),
    click.option(
        "--ca",
        envvar="ROLLOUT_CA",
        type=click.Path(dir_okay=False),
        metavar="FILE",
        help="Authorities to trust at the daemon instead of the machine's, in PEM.",
    ),
    config_option,
    state_option,
)


def where_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where; the verb is given them as one `origin`."""

    @functools.wraps(verb)
    def gathered(*args: Any, **given: Any) -> Any:
        origin = Origin(*(given.pop(name) for name in Origin._fields))
        return verb(*args, origin=origin, **given)

    for option in reversed(_OPTIONS):
        gathered = option(gathered)
    return gathered


@contextlib.asynccontextmanager
async def place(origin: Origin, *, answer_s: float = ANSWER_S) -> AsyncIterator[Where]:
    """Open the daemon that was named, else the state directory. Raises UsageError, Forbidden, StateUnusable."""
    if origin.url:
        async with daemon(origin) as client:
            yield client
        return
    from rollout.cli.here import Here
    from rollout.cli.target import state_of

    yield Here(state_of(origin.config, origin.state), answer_s)


def daemon(origin: Origin) -> "Client":
    """Give a client of the daemon that was named. Raises UsageError where none was."""
    from rollout.cli.target import state_of
    from rollout.errors import UsageError
    from rollout.remote.client import Client

    if not origin.url:
        raise UsageError("this needs a daemon: give --url or ROLLOUT_URL, as `rollout daemon` says it when it starts")
    return Client(
        origin.url,
        token_file=origin.token_file,
        ca=origin.ca,
        state=state_of(origin.config, origin.state),
        environ=os.environ,
    )
