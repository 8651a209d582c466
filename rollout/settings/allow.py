"""What the settings let a policy touch: subscriptions, package hosts, and the size of a wave."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import msgspec

from rollout.settings.run import RunSettings


class Asked(msgspec.Struct, frozen=True):
    """What one rollout asks for."""

    subscription: str
    packages: Mapping[str, str]
    """Service -> URL of its package."""
    waves: Mapping[str, int]
    """Wave -> how many services it has."""
    commands: frozenset[str] = frozenset()
    """Names of commands that checks run."""
    metric_servers: frozenset[str] = frozenset()
    webhooks: bool = False
    """Whether a check posts a signed question."""
    notices: bool = False
    """Whether somebody is sent signed notices."""
    approvers: tuple[str, ...] = ()
    """Groups that have to approve something."""


def refusals(settings: RunSettings, asked: Asked) -> list[str]:
    """Say why the settings refuse a rollout, in words for people; empty = they allow it."""
    return list(_refusals(settings, asked))


def _refusals(settings: RunSettings, asked: Asked) -> Iterator[str]:
    if settings.limits is not None:
        most = settings.limits.services_per_wave
        for wave, services in asked.waves.items():
            if services > most:
                yield f"wave `{wave}` has {services} services, and limits.services_per_wave is {most}"
    yield from _hook_refusals(settings, asked)
    for group in asked.approvers:
        if not settings.groups.get(group):
            yield f"`approve.by` names the group {group}, and nobody is in it: add it to [groups] of the settings"
    if settings.allow is None:
        return
    allowed = settings.allow.subscriptions
    if allowed is not None and asked.subscription.lower() not in allowed:
        yield f"subscription {asked.subscription} is not in allow.subscriptions"
    hosts = settings.allow.package_hosts
    if hosts is not None:
        refused = {urlsplit(url).hostname or "" for url in asked.packages.values()}
        for host in sorted(host for host in refused if not any(_matches(host, each) for each in hosts)):
            yield f"packages come from {host}, which is not in allow.package_hosts"


def _hook_refusals(settings: RunSettings, asked: Asked) -> Iterator[str]:
    """Say what checks ask for that only the settings could give them."""
    commands = settings.allow.commands if settings.allow is not None else {}
    for name in sorted(asked.commands - commands.keys()):
        yield f"a check runs the command `{name}`, which is not in allow.commands"
    for name in sorted(asked.metric_servers - settings.metrics.keys()):
        yield f"a check asks the metric server `{name}`, and there is no [metrics.{name}]"
    if settings.webhooks is not None and settings.webhooks.signing is not None:
        return
    if asked.webhooks:
        yield "a check asks a webhook, and webhooks.keys has no key to sign the question with"
    if asked.notices:
        yield "`notify` sends signed notices, and webhooks.keys has no key to sign them with; chats need none (format)"


def _matches(host: str, allowed: str) -> bool:
    """`*.example.com` means every host below it, and not itself."""
    return host.endswith(allowed[1:]) if allowed.startswith("*.") else host == allowed
