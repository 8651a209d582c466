"""`rollout daemon`: the engine that stays, behind its HTTP API and dashboard."""

import logging
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final

import click

from rollout.cli.params import config_option, endpoint_option, state_option
from rollout.settings.daemon import LISTEN

SERVICES: Final = 12
DOMAINS: Final = 5
TIME_SCALE: Final = 200.0
"""How many times faster an embedded emulator is than the recorded service, unless it is told otherwise."""
TIME_SCALE_MAX: Final = 1_000_000.0


@click.command("daemon")
@config_option
@click.option("--listen", metavar="ADDRESS:PORT", help=f"Where to listen; port 0 = any free one.  [default: {LISTEN}]")
@state_option
@click.option(
    "--policies", type=click.Path(file_okay=False), metavar="DIR", help="A folder of policies to offer or to submit."
)
@endpoint_option
@click.option("--emulate", is_flag=True, help="Upgrade an emulated fleet inside this process; touches nothing real.")
@click.option(
    "--emulate-services", type=click.IntRange(1, 10_000), default=SERVICES, show_default=True, help="How large it is."
)
@click.option(
    "--time-scale",
    type=click.FloatRange(0, TIME_SCALE_MAX, min_open=True),
    default=TIME_SCALE,
    show_default=True,
    help="How many times faster the emulated fleet is than the recorded service.",
)
def daemon(
    *,
    config: str | None,
    listen: str | None,
    state: str | None,
    policies: str | None,
    endpoint: str | None,
    emulate: bool,
    emulate_services: int,
    time_scale: float,
) -> None:
    """Go on with every open rollout, take new ones, and serve HTTP API and dashboard.

    Prints `listening on URL` when it serves. SIGTERM or Ctrl-C stops it after the
    calls in hand, and the next start goes on from there; a second one does not wait.
    The first start writes a token of the role admin into the state directory, where
    the command line of the same user finds it.

    Other addresses than loopback need daemon.certificate in the settings.
    """
    import asyncio
    import os

    from rollout.cli.log import log_to_stderr
    from rollout.cli.loop import run_loop
    from rollout.cli.signals import interrupts
    from rollout.daemon.front import FRONT
    from rollout.daemon.serve import serve
    from rollout.errors import UsageError
    from rollout.settings.choose import engine_settings
    from rollout.settings.load import load_settings

    if emulate and endpoint:
        raise UsageError("--emulate and --endpoint name two fleets; give one of them")
    # Paths of a command line start where it is typed, and not at the settings' folder.
    folders = {"state": state, "daemon.policies": policies}
    given = {"daemon.listen": listen, **{path: Path(each) for path, each in folders.items() if each is not None}}
    flags = {path: (f"--{path.rpartition('.')[2]}", value) for path, value in given.items() if value is not None}
    loaded = load_settings(config, flags=flags)
    log_to_stderr(logging.INFO, entries=True)

    def ready(url: str) -> None:
        click.echo(f"listening on {url}")
        click.echo(f"dashboard {url}/ui/ ; `rollout ui` prints a link that lets you in", err=True)

    async def main() -> None:
        with interrupts() as told:
            stop = asyncio.Event()
            told.drain_by(stop.set)
            async with _fleet(emulate_services, time_scale, endpoint, emulate=emulate) as url:
                settings = engine_settings(loaded, endpoint=url)
                await serve(settings, loaded.settings.daemon, FRONT, stop, ready=ready, environ=os.environ)

    run_loop(main)


def _fleet(
    services: int, time_scale: float, endpoint: str | None, *, emulate: bool
) -> AbstractAsyncContextManager[str | None]:
    """Serve an emulated fleet where one is wanted, and give the endpoint that lies over the settings."""
    import contextlib
    import time
    from datetime import UTC, datetime

    from rollout.emulator.fabric import Fabric
    from rollout.emulator.fleet import FleetPlan, populate
    from rollout.emulator.knobs import Knobs
    from rollout.emulator.server import serve

    if not emulate:
        return contextlib.nullcontext(endpoint)
    fabric = Fabric(time.monotonic, Knobs(time_scale=time_scale), 0, epoch=datetime.now(UTC))
    populate(fabric, FleetPlan(services, DOMAINS))
    return serve(fabric)
