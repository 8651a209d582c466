"""Tells the service manager how we are, by systemd's datagram protocol (sd_notify(3)); silent where nobody listens."""

import contextlib
import os
import socket
from collections.abc import Mapping
from typing import Final

from rollout.engine.clock import Clock

WATCHDOG_SHARE: Final = 0.4
"""A sign of life comes in this share of the time after which we would be taken for dead."""
STATUS_CHARS_MAX: Final = 200


class Notifier:
    """Speaks to the socket that the environment names."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        mine = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._watchdog_us = int(environ.get("WATCHDOG_USEC") or 0) if mine else 0

    def ready(self, status: str) -> None:
        """Say that we serve."""
        self._tell("READY=1", f"STATUS={_line(status)}")

    def stopping(self) -> None:
        """Say that we are about to end."""
        self._tell("STOPPING=1", "STATUS=finishing the calls in hand")

    async def watch(self, clock: Clock) -> None:
        """Give a sign of life again and again, as long as the loop turns; nothing where nobody counts."""
        while self._watchdog_us:
            self._tell("WATCHDOG=1")
            await clock.sleep_until(clock.now().t + self._watchdog_us / 1e6 * WATCHDOG_SHARE)

    def _tell(self, *lines: str) -> None:
        """Send one datagram. A manager that is gone or does not take it must not stop us."""
        if not self._address:
            return
        # A name in the abstract namespace is written with an @.
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker:
            speaker.settimeout(0)
            with contextlib.suppress(OSError):
                speaker.sendto("\n".join(lines).encode(), address)


def _line(text: str) -> str:
    return " ".join(text.split())[:STATUS_CHARS_MAX]
