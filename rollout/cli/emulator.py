"""`rollout emulator`: the emulated Service Management API on a loopback port, until it is told to end."""

import asyncio
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from rollout.emulator.access import Access
from rollout.emulator.fabric import Fabric
from rollout.emulator.files import faults_from, knobs_from, strangers_from
from rollout.emulator.fleet import SUBSCRIPTION, FleetPlan, populate
from rollout.emulator.knobs import Knobs
from rollout.emulator.server import serve
from rollout.emulator.strangers import expect
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
@click.option("--strangers", "strangers_file", type=_FILE, help="YAML list of {service, slot, effect, at, label}.")
@click.option("--knobs", "knobs_file", type=_FILE, help="YAML mapping of knobs; see below.")
@click.option("--tls-cert", type=_FILE, help="PEM certificate chain: serve https only.")
@click.option("--tls-key", type=_FILE, help="PEM key of --tls-cert.  [default: in the same file]")
@click.option("--client-ca", type=_FILE, help="PEM of who signs client certificates: each caller must show one.")
@click.option("--token", help="Bearer token that each call must show; @FILE reads it anew for each call.")
@click.option("--redirect-port", type=int, help="Second port that serves the same; redirects lead there. 0 = any.")
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
    strangers_file: Path | None,
    knobs_file: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    client_ca: Path | None,
    token: str | None,
    redirect_port: int | None,
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
      force_refused       400 | 409          swap_unnamed      409 | 400
      unknown_operation   404 | 400          ops_for_reads     true | false
      token_failure       401 | 403
      xml_order           strict | drop      enum_case         any | exact
      lenient_ns          false | true       domain_spread     mod | blocks
      settle_lag_s        0                  accept_delay_s    drawn, or seconds
      list_ops_page_size  100                list_ops_lag_s    0
      list_services_page_size  1000          time_scale        1
      instance_net        10 | 127
      throttle            {}, such as {calls_per_s: {reads: 2}, storm_every_s: 600, storm_s: 60}

    `GET /_emulator/log` lists every effective change, `GET /_emulator/state` tells
    the truth, `PUT /_emulator/faults` replaces the faults to come, and
    `PUT /_emulator/strangers` tells who else does something, and when. All of it is
    described in the README.md of the package rollout.emulator.
    """  # noqa: D301 - \b keeps click from wrapping the table
    fabric = _fabric(FleetPlan(services, domains, instances, staging), knobs_file, time_scale, seed)
    if faults_file:
        fabric.set_faults(faults_from(faults_file))
    if strangers_file:
        expect(fabric, strangers_from(strangers_file))
    asyncio.run(_run(fabric, host, port, Access(tls_cert, tls_key, client_ca, token), redirect_port))


def _fabric(plan: FleetPlan, knobs_file: Path | None, time_scale: float | None, seed: int) -> Fabric:
    plan = plan.checked()
    knobs = knobs_from(knobs_file) if knobs_file else Knobs()
    if time_scale is not None:
        knobs = _scaled(knobs, time_scale)
    fabric = Fabric(time.monotonic, knobs, seed, epoch=datetime.now(UTC))
    populate(fabric, plan)
    return fabric


async def _run(fabric: Fabric, host: str, port: int, access: Access, redirect_port: int | None) -> None:
    told_to_end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told_to_end.set)
    async with serve(fabric, host=host, port=port, access=access, redirect_port=redirect_port) as url:
        click.echo(f"listening on {url}")
        click.echo(f"subscription {SUBSCRIPTION}; ctrl-c ends it", err=True)
        await told_to_end.wait()


def _scaled(knobs: Knobs, time_scale: float) -> Knobs:
    most = 1_000_000
    if not 0 < time_scale <= most:
        raise UsageError(f"--time-scale {time_scale:g} is out of range: give a number above 0 and up to {most}")
    return knobs.model_copy(update={"time_scale": time_scale})
