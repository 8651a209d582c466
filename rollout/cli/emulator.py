"""`rollout emulator`: the emulated Service Management API on a loopback port, until it is told to end."""

import asyncio
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from rollout.emulator.fabric import Fabric
from rollout.emulator.files import faults_from, knobs_from
from rollout.emulator.fleet import SUBSCRIPTION, FleetPlan, populate
from rollout.emulator.knobs import Knobs
from rollout.emulator.server import serve
from rollout.errors import UsageError

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("emulator")
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback address to listen on.")
@click.option("--port", default=10080, show_default=True, help="0 = any free port.")
@click.option("--services", default=10, show_default=True, help="How many services: svc-0001, svc-0002, ...")
@click.option("--domains", default=5, show_default=True, help="Upgrade domains of each deployment, 1 to 20.")
@click.option("--instances", type=int, help="Instances of WebRole1 in each deployment.  [default: as many as domains]")
@click.option("--staging", is_flag=True, help="Fill the staging slots too.")
@click.option("--time-scale", type=float, help="How many times faster than the recorded service.  [default: 1]")
@click.option("--seed", default=0, show_default=True, help="The same seed gives each service the same durations.")
@click.option(
    "--faults", "faults_file", type=_FILE, help="YAML list of {service, verb, domain, times, effect, seconds}."
)
@click.option("--knobs", "knobs_file", type=_FILE, help="YAML mapping of knobs; see below.")
def emulator(
    *,
    host: str,
    port: int,
    services: int,
    domains: int,
    instances: int | None,
    staging: bool,
    time_scale: float | None,
    seed: int,
    faults_file: Path | None,
    knobs_file: Path | None,
) -> None:
    """Serve an emulated Service Management API, for rehearsals, demos and tests.

    Prints `listening on http://HOST:PORT` when it is ready. The subscription is
    00000000-0000-4000-8000-000000000001; every service starts with a Running
    deployment such as svc-0001-production, labelled web-2.4.0.

    All durations in faults and knobs are seconds of the emulated service: with
    --time-scale 60 they pass sixty times faster.

    \b
    KNOBS decide what no public source does (first value = default):
      walk_wrong_domain   400 | 409          rollback_accept   split | 202 | 200
      walk_no_update      400 | 409          rollback_denied   400 | 409
      walk_done_domain    400 | 409 | accept rollback_flag     auto | false | absent
      walk_while_during   409 | 400          rollback_pointer  restart | resume
      manual_op_done      accept | last_walk label_flip        accept | first_walk | end
      conflict_text       with_id | without_id
      unknown_operation   404 | 400          ops_for_reads     true | false
      xml_order           strict | drop      enum_case         any | exact
      lenient_ns          false | true       domain_spread     mod | blocks
      settle_lag_s        0                  accept_delay_s    drawn, or seconds
      time_scale          1

    `GET /_emulator/log` lists every effective change, `GET /_emulator/state` tells
    the truth, `PUT /_emulator/faults` replaces the faults to come.
    """  # noqa: D301 - \b keeps click from wrapping the table
    plan = FleetPlan(services, domains, instances, staging).checked()
    knobs = knobs_from(knobs_file) if knobs_file else Knobs()
    if time_scale is not None:
        knobs = _scaled(knobs, time_scale)
    fabric = Fabric(time.monotonic, knobs, seed, epoch=datetime.now(UTC))
    populate(fabric, plan)
    if faults_file:
        fabric.set_faults(faults_from(faults_file))
    asyncio.run(_run(fabric, host, port))


async def _run(fabric: Fabric, host: str, port: int) -> None:
    told_to_end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told_to_end.set)
    async with serve(fabric, host=host, port=port) as url:
        click.echo(f"listening on {url}")
        click.echo(f"subscription {SUBSCRIPTION}; ctrl-c ends it", err=True)
        await told_to_end.wait()


def _scaled(knobs: Knobs, time_scale: float) -> Knobs:
    most = 1_000_000
    if not 0 < time_scale <= most:
        raise UsageError(f"--time-scale {time_scale:g} is out of range: give a number above 0 and up to {most}")
    return knobs.model_copy(update={"time_scale": time_scale})
