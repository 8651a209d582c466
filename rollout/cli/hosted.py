"""One rollout in the foreground with a dashboard beside it, for as long as it takes."""

import functools
from collections.abc import Callable

from rollout.cli.actor import actor
from rollout.cli.ending import Code
from rollout.cli.foreground import Ended, resumable
from rollout.cli.screen import Output, Screen, Source
from rollout.cli.signals import Interrupts
from rollout.core.names import RolloutId
from rollout.core.result import Result
from rollout.daemon.auth import open_tokens
from rollout.daemon.host import Host
from rollout.daemon.http.app import make_app
from rollout.daemon.listening import answering, bound
from rollout.daemon.site import Site
from rollout.errors import Stopping
from rollout.policy.bundle import Bundle
from rollout.remote.client import Client
from rollout.settings import RunSettings
from rollout.settings.daemon import Daemon, parse_listen

ANYWHERE = parse_listen("127.0.0.1:0")


async def conduct_hosted(
    settings: RunSettings, bundle: Bundle, output: Output, announce: Callable[[str], None]
) -> Ended:
    """Run a bundle's rollout and show it; `announce` is told the dashboard's address before anything is begun."""
    return await resumable(lambda told: _conduct(settings, bundle, Screen(output, told.stop), told, announce))


async def _conduct(
    settings: RunSettings, bundle: Bundle, screen: Screen, told: Interrupts, announce: Callable[[str], None]
) -> Ended:
    told.tidy = screen.tidy
    listening = Daemon(listen=ANYWHERE)
    with bound(listening.listen) as opened:
        async with Host.opened(settings) as host:
            host.works.kit.ledger.listen(screen.hear)
            site = Site(host, open_tokens(settings.state), None, listening, settings.state)
            async with answering(make_app(site), opened, None) as url:
                async with Client(url, state=settings.state, environ={}) as client:
                    announce(await client.ui_link())
                told.drain_by(host.drain)
                rollout = (await host.submit(bundle, actor=actor())).rollout
                source = Source(rollout, functools.partial(host.services, rollout), host.now)
                async with screen.showing(source):
                    result = await _outcome(host, rollout)
                code = Code.INTERRUPTED if result is None else result.code
                screen.finish(source, result, code)
                return Ended(result, code)


async def _outcome(host: Host, rollout: RolloutId) -> Result | None:
    """Wait for the end; None = it was stopped before that."""
    try:
        return await host.outcome(rollout)
    except Stopping:
        return None
