"""The product's parts as the bench uses them: its platform with lanes to order, and a pacer that holds nothing back."""

from typing import Final

from bench.clients.order import Order
from bench.skipped import Skipped
from rollout.core.names import Digest
from rollout.engine.clock import Clock
from rollout.engine.pacer import Pace, Pacer
from rollout.errors import InvariantBroken
from rollout.platforms.classic.access import NOBODY, Plain
from rollout.platforms.classic.lane_limits import LaneLimits
from rollout.platforms.classic.lane_parser import Framing, best_framing
from rollout.platforms.classic.platform import ClassicPlatform

UNLIMITED: Final = Pace(start=1e9, floor=1e9, ceiling=1e9, rise=0.0)
"""The load server is nobody's subscription."""


class NoPayloads:
    """A store for a platform that only asks questions."""

    async def payload(self, digest: Digest) -> bytes:
        """Have nothing."""
        raise InvariantBroken(f"a question asked for the payload {digest}")


def platform(order: Order) -> ClassicPlatform:
    """Make the product's platform with as many lanes as are in flight, at the depth ordered."""
    framing = Framing(order.parser)
    if framing is Framing.HTTPTOOLS and best_framing() is not framing:
        raise Skipped("httptools is not installed: pip install 'rollout-engine[bench]'")
    limits = LaneLimits(lanes=max(1, order.in_flight // order.depth), depth=order.depth, framing=framing)
    credentials = Plain(order.certificates.client_context()) if order.certificates else NOBODY
    return ClassicPlatform(order.url, NoPayloads(), credentials=lambda _: credentials, lanes=limits)


def pacer(clock: Clock) -> Pacer:
    """Make a pacer that lets everything pass."""
    return Pacer(clock, UNLIMITED, UNLIMITED)
