"""From the whole settings to one engine's: the policy's subscription picks endpoint, credentials and limits."""

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from rollout.errors import UsageError
from rollout.settings.load import Loaded
from rollout.settings.model import Access
from rollout.settings.run import RunSettings, Way, default_state, is_loopback
from rollout.settings.scalars import GUID

NO_SUBSCRIPTION: Final = "00000000-0000-0000-0000-000000000000"
EMULATOR: Final = "http://127.0.0.1:10080"
"""Where `rollout emulator` listens: who names no endpoint touches nothing real."""


def run_settings(
    loaded: Loaded, subscription: str, *, endpoint: str | None = None, strict_exit: bool = False, user: str = ""
) -> RunSettings:
    """Give the settings of an engine for one subscription and the `user` who submits; raises UsageError.

    `endpoint` lays a loopback emulator over what the settings say. Any other address must be the one the settings name
    for this subscription: credentials are shown nowhere else.
    """
    if not GUID.fullmatch(subscription):
        raise UsageError(f"{subscription!r} is no subscription id such as 00000000-0000-4000-8000-000000000001")
    url, access = _endpoint(loaded, subscription.lower(), endpoint)
    settings = loaded.settings
    return RunSettings(
        endpoint=url,
        state=settings.state or default_state(),
        request_timeout_s=settings.limits.request_timeout,
        strict_exit=strict_exit,
        user=user,
        access=access,
        limits=settings.limits,
        allow=settings.allow,
        check_packages=settings.check_packages and not is_loopback(_host(url)),
        metrics=settings.metrics,
        webhooks=settings.webhooks,
        notify=settings.notify,
        in_flight={name: each.in_flight for name, each in settings.subscriptions.items()},
        groups=dict(settings.groups),
    )


def engine_settings(loaded: Loaded, *, endpoint: str | None = None) -> RunSettings:
    """Give the settings of an engine for every subscription that the settings name; raises UsageError.

    `endpoint` lays a loopback emulator over all of them; without it and without subscriptions it is the local one.
    """
    settings = loaded.settings
    if endpoint is not None and not is_loopback(_host(endpoint)):
        raise UsageError(
            f"--endpoint {endpoint} is not loopback: an engine of several subscriptions takes each one's own"
        )
    ways = {}
    if endpoint is None:
        ways = {name: Way(*_endpoint(loaded, name, None)) for name in settings.subscriptions}
    first = next(iter(ways.values()), Way(endpoint or EMULATOR, None))
    found = run_settings(Loaded(settings.model_copy(update={"subscriptions": {}}), None), NO_SUBSCRIPTION)
    return msgspec.structs.replace(
        found,
        endpoint=first.endpoint,
        access=first.access,
        ways=ways,
        check_packages=settings.check_packages,
        in_flight={name: each.in_flight for name, each in settings.subscriptions.items()},
    )


def _endpoint(loaded: Loaded, subscription: str, override: str | None) -> tuple[str, Access | None]:
    named = loaded.settings.subscriptions.get(subscription)
    endpoint = loaded.settings.endpoint_of(named) if named else None
    if named is not None and endpoint is not None and (override is None or _same(override, endpoint.url)):
        return endpoint.url, loaded.settings.access_of(named)
    if override is not None and (is_loopback(_host(override)) or not override.startswith("https://")):
        # What is neither loopback nor https is refused by whoever connects, and shown nothing anyway.
        return override, None
    if named is None and override is None and not loaded.settings.subscriptions:
        return EMULATOR, None
    where = loaded.file or Path("rollout.toml")
    if endpoint is not None:
        raise UsageError(
            f"--endpoint is not the address that {where} names for subscription {subscription} ({endpoint.url}), and "
            "credentials are shown nowhere else: leave --endpoint out, or change the settings"
        )
    raise UsageError(
        f'the settings say nothing about subscription {subscription}: add [subscriptions."{subscription}"] with its '
        f"endpoint and credentials to {where}, or make the file with `rollout init`"
    )


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _same(one: str, other: str) -> bool:
    return one.strip().rstrip("/").lower() == other.lower()
