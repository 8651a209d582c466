"""The sources of checks as the settings describe them: hosts, commands, metric servers, keys."""

import secrets
import time
from collections.abc import Callable, Mapping

from rollout.gates.fetch import Fetcher
from rollout.gates.guard import Guard
from rollout.gates.prometheus import Prometheus, Server
from rollout.gates.python import CheckFunction
from rollout.gates.sources import Sources
from rollout.gates.webhook import Pen
from rollout.settings import RunSettings, Secret
from rollout.settings.model import SecretSource

ID_BYTES = 16


def open_sources(
    settings: RunSettings,
    functions: Mapping[str, CheckFunction],
    *,
    now_t: Callable[[], float],
    fetch_secret: Callable[[SecretSource, str], Secret],
) -> Sources:
    """Put them together; raises what `fetch_secret` raises, which is told what the secret is for."""
    allow = settings.allow
    fetcher = Fetcher(Guard(allow.hosts if allow is not None else ()))
    servers = {
        name: Server(each.url, fetch_secret(each.token, f"the token of metrics.{name}") if each.token else None)
        for name, each in settings.metrics.items()
    }
    return Sources(
        fetcher=fetcher,
        servers=Prometheus(servers, fetcher, now_t, time.time),
        pen=pen_of(settings, fetch_secret),
        commands=allow.commands if allow is not None else {},
        functions=functions,
    )


def pen_of(settings: RunSettings, fetch_secret: Callable[[SecretSource, str], Secret]) -> Pen | None:
    """Give what is signed with; None = the settings name no key."""
    webhooks = settings.webhooks
    key = webhooks.signing if webhooks is not None else None
    if webhooks is None or key is None:
        return None
    secret = fetch_secret(webhooks.keys[key], f"the webhook key {key}")
    return Pen(key, secret, lambda: secrets.token_hex(ID_BYTES), time.time)
