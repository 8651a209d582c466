"""The settings of one engine: what is left of file, environment and flags once a policy's subscription is known."""

import ipaddress
import os
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import msgspec

from rollout.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rollout.settings.model import Access, Allow, InFlight, Limits, MetricServer, Notify, Webhooks

REQUEST_TIMEOUT_S = 30.0
EMULATED_CALLS_PER_S = 2_000.0
"""Nobody shares an emulator on this machine, so nobody is to be spared."""


class Way(msgspec.Struct, frozen=True):
    """How one subscription is reached."""

    endpoint: str
    access: "Access | None"


class RunSettings(msgspec.Struct, frozen=True):
    """Settings of one engine."""

    endpoint: str
    state: Path
    request_timeout_s: float = REQUEST_TIMEOUT_S
    strict_exit: bool = False
    user: str = ""
    """Who submits; nobody approves what is his own."""
    access: "Access | None" = None
    """How the endpoint lets us in; None = it asks nobody, as an emulator does."""
    limits: "Limits | None" = None
    """Paces and sizes that differ from the built-in ones."""
    allow: "Allow | None" = None
    """What a policy may touch; None = anything."""
    check_packages: bool = False
    """Ask whether packages are there before a service is touched; an emulator's packages are nowhere."""
    metrics: "Mapping[str, MetricServer]" = {}
    """Prometheus servers that checks may name."""
    webhooks: "Webhooks | None" = None
    """Keys that webhooks are signed with; None = there are none, so none is asked."""
    notify: "Notify | None" = None
    """Who is told of every rollout, and the heartbeat."""
    in_flight: "dict[str, InFlight]" = {}
    """Subscription -> how much of it may be under way at once."""
    groups: dict[str, tuple[str, ...]] = {}
    """Who may approve: group -> the login names in it."""

    ways: "Mapping[str, Way]" = {}
    """Subscription -> its own endpoint and credentials, for an engine of several; empty = those above, for any."""

    def of(self, subscription: str) -> Self:
        """Give the settings as they are for one subscription; raises UsageError where they say nothing about it."""
        if not self.ways:
            return self
        if (way := self.ways.get(subscription.lower())) is None:
            raise UsageError(
                f"the settings say nothing about subscription {subscription}: "
                f'add [subscriptions."{subscription}"] with its endpoint and credentials'
            )
        return msgspec.structs.replace(self, endpoint=way.endpoint, access=way.access, ways={})

    @property
    def emulated(self) -> bool:
        """An endpoint on loopback is an emulator, so its pace has no need to be learned."""
        endpoints = [way.endpoint for way in self.ways.values()] or [self.endpoint]
        return all(is_loopback(urlsplit(each).hostname or "") for each in endpoints)


def is_loopback(host: str) -> bool:
    """Tell the loopback names and addresses; a name that only begins like one is none."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def default_state() -> Path:
    """Give the state directory used when none is named: `$XDG_STATE_HOME/rollout`, else `~/.local/state/rollout`."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "rollout"
