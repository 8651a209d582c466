"""Notices as the settings describe them: targets, keys, heartbeat; put together for one engine."""

from collections.abc import Callable

from structlog.typing import FilteringBoundLogger

from rollout.core.notice import NoticeEvent, NoticeFormat
from rollout.engine.clock import Clock
from rollout.gates.fetch import Fetcher
from rollout.gates.guard import Guard
from rollout.gates.opening import pen_of
from rollout.journal.journal import Journal
from rollout.notify.heartbeat import Heartbeat
from rollout.notify.sender import Wire
from rollout.notify.targets import Target, Targets
from rollout.settings import RunSettings, Secret
from rollout.settings.model import Heartbeat as Beating
from rollout.settings.model import SecretSource, Told

FetchSecret = Callable[[SecretSource, str], Secret]


def open_fetcher(settings: RunSettings) -> Fetcher:
    """Make the connections of notices: their own, with no credential of anybody."""
    return Fetcher(Guard(settings.allow.hosts if settings.allow is not None else ()))


def open_targets(settings: RunSettings, fetch_secret: FetchSecret) -> Targets:
    """Give whom the settings name; raises what `fetch_secret` raises."""
    told = settings.notify.webhooks if settings.notify is not None else {}
    return Targets(
        {
            name: Target(
                _url(each, f"the URL of notify.webhooks.{name}", fetch_secret),
                NoticeFormat(each.format),
                trusted=True,
                events=tuple(map(NoticeEvent, each.events)),
            )
            for name, each in told.items()
        }
    )


def open_wire(settings: RunSettings, journal: Journal, fetcher: Fetcher, fetch_secret: FetchSecret) -> Wire:
    """Give how posts are made."""
    return Wire(journal.payload, fetcher.fetch, pen_of(settings, fetch_secret))


def open_heartbeat(
    settings: RunSettings,
    fetcher: Fetcher,
    clock: Clock,
    fetch_secret: FetchSecret,
    logger: FilteringBoundLogger | None = None,
) -> Heartbeat | None:
    """Give the heartbeat, if the settings want one."""
    wanted = settings.notify.heartbeat if settings.notify is not None else None
    if wanted is None:
        return None
    url = _url(wanted, "the URL of notify.heartbeat", fetch_secret)
    return Heartbeat(url, wanted.every, fetcher.fetch, clock, logger=logger)


def _url(told: Told | Beating, what: str, fetch_secret: FetchSecret) -> Secret:
    if told.url_from is not None:
        return fetch_secret(told.url_from, what)
    return Secret(told.url or "")
