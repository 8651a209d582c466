"""A platform or a client as the settings describe it: endpoint, credentials, time and size limits."""

import contextlib
from collections.abc import AsyncIterator

from rollout.core.witnessed import Witness
from rollout.platforms.classic.client import ClassicClient
from rollout.platforms.classic.credentials import open_credentials
from rollout.platforms.classic.endpoint import parse_endpoint
from rollout.platforms.classic.lane_limits import LaneLimits
from rollout.platforms.classic.platform import ClassicPlatform
from rollout.platforms.classic.transport import TransportLimits
from rollout.platforms.classic.xml import XmlLimits
from rollout.platforms.platform import Payloads
from rollout.settings import RunSettings

MARKUP_PER_ELEMENT = 2
"""An element has a start tag and an end tag."""


def open_platform(settings: RunSettings, payloads: Payloads, witness: Witness | None = None) -> ClassicPlatform:
    """Make the platform; `witness` is told of its calls.

    Raises UsageError for a bad endpoint and NoAccess for credentials that cannot be used.
    """
    credentials = open_credentials(settings.access)
    each = {name: open_credentials(way.access) for name, way in settings.ways.items()}
    return ClassicPlatform(
        settings.endpoint,
        payloads,
        credentials=lambda subscription: each.get(subscription.lower(), credentials),
        endpoints={name: way.endpoint for name, way in settings.ways.items()},
        request_timeout_s=settings.request_timeout_s,
        limits=reply_limits(settings),
        xml_limits=document_limits(settings),
        lanes=lane_limits(settings),
        witness=witness,
    )


@contextlib.asynccontextmanager
async def opened_client(settings: RunSettings) -> AsyncIterator[ClassicClient]:
    """Give a client for the time of a block; raises as `open_platform` does."""
    client = ClassicClient(
        parse_endpoint(settings.endpoint),
        credentials=open_credentials(settings.access),
        request_timeout_s=settings.request_timeout_s,
        limits=reply_limits(settings),
        xml_limits=document_limits(settings),
    )
    try:
        yield client
    finally:
        await client.close()


def reply_limits(settings: RunSettings) -> TransportLimits:
    """Give the bounds of one exchange."""
    limits = settings.limits
    return TransportLimits() if limits is None else TransportLimits(reply_bytes_max=limits.reply_bytes)


def document_limits(settings: RunSettings) -> XmlLimits:
    """Give the bounds of one document."""
    limits = settings.limits
    if limits is None:
        return XmlLimits()
    return XmlLimits(bytes_max=limits.reply_bytes, markup_max=limits.reply_elements * MARKUP_PER_ELEMENT)


def lane_limits(settings: RunSettings) -> LaneLimits:
    """Give the bounds of the lanes that ask how operations are doing."""
    limits = settings.limits
    return LaneLimits() if limits is None else LaneLimits(lanes=limits.lanes, depth=limits.pipelining)
