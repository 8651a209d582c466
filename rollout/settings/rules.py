"""Rules that tie the tables of `rollout.toml` together."""

import stat
from collections.abc import Iterator
from typing import Final

from rollout.settings.daemon import Daemon
from rollout.settings.model import (
    BUILT_IN_ENDPOINTS,
    Certificate,
    SecretSource,
    Settings,
    Subscription,
    needs_credentials,
)
from rollout.settings.places import Path
from rollout.settings.problems import did_you_mean

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_OPEN: Final = (
    "is a secret in a file that others can open; name a file or a variable instead, or run: chmod 0600 {file}"
)


def faults(settings: Settings, file: str, mode: int) -> Iterator[tuple[Path, str]]:
    """Say what is wrong between tables that are each right; `mode` is the file's."""
    for key, subscription in settings.subscriptions.items():
        at: Path = ("subscriptions", key)
        yield from _access_faults(settings, at, subscription)
        if mode & _OTHERS and _holds_a_secret(subscription.certificate):
            yield (*at, "certificate", "passphrase", "text"), _OPEN.format(file=file)

    yield from _daemon_faults(settings.daemon)
    yield from _webhook_faults(settings)
    held: dict[Path, SecretSource | None] = {
        ("webhooks", "keys", name): source for name, source in settings.webhooks.keys.items()
    }
    held |= {("metrics", name, "token"): each.token for name, each in settings.metrics.items() if each.token}
    held |= {("notify", "webhooks", name, "url_from"): each.url_from for name, each in settings.notify.webhooks.items()}
    if settings.notify.heartbeat is not None:
        held["notify", "heartbeat", "url_from"] = settings.notify.heartbeat.url_from
    for at, source in held.items():
        if mode & _OTHERS and source is not None and source.text is not None:
            yield (*at, "text"), _OPEN.format(file=file)


def _daemon_faults(daemon: Daemon) -> Iterator[tuple[Path, str]]:
    if daemon.certificate is None and not daemon.listen.is_loopback:
        message = (
            f"{daemon.listen} is not loopback, and tokens are not shown over plain http: add daemon.certificate and "
            "daemon.key, or listen on 127.0.0.1"
        )
        yield ("daemon", "listen"), message
    if daemon.key is not None and daemon.certificate is None:
        yield ("daemon", "key"), "is the key of a certificate, and there is none: add daemon.certificate"


def _webhook_faults(settings: Settings) -> Iterator[tuple[Path, str]]:
    keys, named = settings.webhooks.keys, settings.webhooks.sign_with
    if named is not None and named not in keys:
        yield ("webhooks", "sign_with"), f"there is no key {named!r}{did_you_mean(named, keys)}"
    elif named is None and len(keys) > 1:
        yield ("webhooks",), f"there are {len(keys)} keys; sign_with says which one signs"
    for name, each in settings.notify.webhooks.items():
        if each.format == "json" and settings.webhooks.signing is None:
            message = "is sent signed notices, and webhooks.keys has no key to sign them with; chats need none (format)"
            yield ("notify", "webhooks", name), message


def _access_faults(settings: Settings, at: Path, subscription: Subscription) -> Iterator[tuple[Path, str]]:
    endpoint = settings.endpoint_of(subscription)
    if endpoint is None:
        known = did_you_mean(subscription.endpoint, [*settings.endpoints, *BUILT_IN_ENDPOINTS])
        yield (*at, "endpoint"), f"there is no endpoint {subscription.endpoint!r}{known}"
        return
    shown = [name for name in ("certificate", "token") if getattr(subscription, name) is not None]
    if len(shown) > 1:
        yield at, "has a certificate and a token; needs exactly one of them"
    elif not shown and needs_credentials(endpoint.url):
        yield at, f"needs a certificate or a token: {endpoint.url} lets nobody in without"
    elif shown and not needs_credentials(endpoint.url):
        yield (*at, shown[0]), f"is not shown over plain http: {endpoint.url} is an emulator and asks nobody"


def _holds_a_secret(certificate: Certificate | None) -> bool:
    return certificate is not None and certificate.passphrase is not None and certificate.passphrase.text is not None
