"""The daemon's life: recover, serve, and drain when it is told to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from rollout.daemon.auth.tokens import Tokens
from rollout.daemon.folder import PolicyFolder
from rollout.daemon.host import Host
from rollout.daemon.listening import answering, bound, tls_context
from rollout.daemon.notify import Notifier
from rollout.daemon.site import Site
from rollout.daemon.spans import spans
from rollout.engine.groups import unwrapped
from rollout.journal.offload import OneThread
from rollout.settings import RunSettings
from rollout.settings.daemon import Daemon


@dataclass(frozen=True, slots=True)
class Front:
    """How a site is shown: who may speak, and the application that answers."""

    open_tokens: Callable[[Path], Tokens]
    """Opens the tokens of a state directory, and makes the first one where there is none."""
    make_app: Callable[[Site], web.Application]


async def serve(
    run: RunSettings,
    settings: Daemon,
    front: Front,
    stop: asyncio.Event,
    *,
    ready: Callable[[str], None],
    environ: Mapping[str, str],
) -> None:
    """Serve until `stop` is set, then finish what is in hand. `ready` hears the URL once requests are answered.

    Raises UsageError for an address that cannot be had, and what `Host.opened` raises.
    """
    notifier, context = Notifier(environ), tls_context(settings)
    with bound(settings.listen) as opened, unwrapped():
        async with Host.opened(run, command="rollout daemon") as host, _folder(host, settings) as folder:
            if (traced := spans()) is not None:
                host.works.kit.ledger.listen(traced.record)
            site = Site(host, front.open_tokens(run.state), folder, settings, run.state)
            async with answering(front.make_app(site), opened, context) as url, asyncio.TaskGroup() as group:
                beside = [group.create_task(notifier.watch(host.works.kit.clock), name="watchdog")]
                if folder is not None:
                    beside.append(group.create_task(folder.run(), name="policy folder"))
                notifier.ready(f"serving {url}")
                ready(url)
                await stop.wait()
                notifier.stopping()
                # While it drains it still answers, and followers are told all that becomes true until the end.
                await host.drained()
                for task in beside:
                    task.cancel()


@contextlib.asynccontextmanager
async def _folder(host: Host, settings: Daemon) -> AsyncIterator[PolicyFolder | None]:
    if settings.policies is None:
        yield None
        return
    offload = OneThread()
    try:
        yield PolicyFolder(settings.policies, host, offload, every_s=settings.policies_every)
    finally:
        offload.close()
