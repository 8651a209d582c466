"""Completion on the command line: rollout ids and services, from the state directory or, quickly, from the daemon."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

ASK_S_MAX: Final = 1.5
"""A person who pressed a key does not wait longer."""
SHOWN_MAX: Final = 200


def complete_rollout(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Give the rollouts whose ids begin so."""
    return _items(name for name in _names(ctx.params, "") if "/" not in name and name.startswith(incomplete))


def complete_target(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Give the rollouts whose ids begin so, and behind a slash the services of one."""
    rollout, slash, _ = incomplete.partition("/")
    names = _names(ctx.params, rollout if slash else "")
    return _items(name for name in names if ("/" in name) == bool(slash) and name.startswith(incomplete))


def _items(names: Iterator[str]) -> list[CompletionItem]:
    found = list(dict.fromkeys(names))[:SHOWN_MAX]
    return [CompletionItem(name) for name in found]


def _names(params: Mapping[str, Any], rollout: str) -> list[str]:
    """Give what there is, `ID` and `ID/SERVICE`; whatever is in the way, nothing is completed."""
    from rollout.errors import RolloutError

    try:
        if params.get("url"):
            return asyncio.run(_at_daemon(params, rollout))
        return list(_in_state(params))
    except (RolloutError, TimeoutError, OSError):
        return []


def _in_state(params: Mapping[str, Any]) -> Iterator[str]:
    """Read the index of streams alone."""
    from rollout.cli.target import state_of
    from rollout.core.names import is_rollout_stream, is_service_stream, parse_service_stream
    from rollout.journal.visitor import Visitor

    with Visitor.opened(state_of(params.get("config"), params.get("state"))) as visitor:
        for row in reversed(visitor.streams()):
            if is_rollout_stream(row.stream):
                yield row.stream
            elif is_service_stream(row.stream):
                whose, service, _ = parse_service_stream(row.stream)
                yield f"{whose}/{service}"


async def _at_daemon(params: Mapping[str, Any], rollout: str) -> list[str]:
    from rollout.cli.where import Origin, daemon

    origin = Origin(*(params.get(name) for name in Origin._fields))
    async with asyncio.timeout(ASK_S_MAX), daemon(origin) as client:
        if not rollout:
            return [head["id"] for head in await client.rollouts()]
        found = await client.read(rollout)
        return [f"{rollout}/{row['service']}" for row in found["services"]]
