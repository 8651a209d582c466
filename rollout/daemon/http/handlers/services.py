"""Which release runs where, and how a service came to it."""

import asyncio
from collections.abc import Iterator
from functools import reduce
from typing import Any, Final

from rollout.core.evolve import evolve
from rollout.core.names import ServiceName, service_stream
from rollout.core.service import ServiceRollout
from rollout.daemon.http.desk import Desk
from rollout.daemon.http.pages import PageQuery, listed, page
from rollout.daemon.http.problem import Refused
from rollout.daemon.http.route import Answer, Asked
from rollout.views.releases import attempt_row

HISTORY_MAX: Final = 200
"""Attempts at one service that are told, the newest."""


async def services(desk: Desk, asked: Asked[PageQuery, None]) -> Answer:
    """List every service of the rollouts in memory with what runs there, by name."""
    newest: dict[tuple[str, str, str], dict[str, Any]] = {}
    for rollout in desk.host.rollouts():
        for state in desk.host.services(rollout).values():
            row = attempt_row(state, desk.host.now())
            newest[row["subscription"], row["service"], row["slot"]] = row
        await asyncio.sleep(0)
    rows = [newest[key] for key in sorted(newest)]
    found, following = page(rows, asked.query, lambda row: f"{row['subscription']}/{row['service']}/{row['slot']}")
    return Answer(listed(found, following, desk.host.position))


async def history(desk: Desk, asked: Asked[PageQuery, None]) -> Answer:
    """Give every attempt at a service, the newest first."""
    name = ServiceName(asked.names["service"])
    states = [state async for state in _attempts(desk, name)]
    if not states:
        raise Refused(404, f"no rollout knows a service {name[:80]}")
    now = desk.host.now()
    rows = [attempt_row(state, now) | {"until": _wall(now, state)} for state in states]
    found, following = page(rows, asked.query, lambda row: row["stream"])
    return Answer({"service": name, **listed(found, following, desk.host.position)})


async def _attempts(desk: Desk, name: ServiceName) -> Any:
    for stream in list(_streams(desk, name))[:HISTORY_MAX]:
        entries = [each.entry for each in await desk.host.entries(stream)]
        if entries:
            first, *rest = entries
            yield reduce(evolve, rest, evolve(None, first))


def _streams(desk: Desk, name: ServiceName) -> Iterator[Any]:
    """Name the streams of all attempts at a service, the newest rollout's first."""
    for rollout, state in reversed(tuple(desk.host.rollouts().items())):
        if not state.knows(name):
            continue
        attempt = 1
        while desk.host.works.kit.ledger.row(service_stream(rollout, name, attempt)) is not None:
            attempt += 1
        yield from (service_stream(rollout, name, number) for number in range(attempt - 1, 0, -1))


def _wall(now: Any, state: ServiceRollout) -> float | None:
    return round(now.wall - (now.t - state.phase_since_t), 3) if state.ended is not None else None
