"""Ask the blob stores whether packages are there, before anything depends on them; nothing is fetched.

The platform fetches a package itself, so what is asked is only what anybody may ask: no credentials are shown, and no
redirect is followed.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

import aiohttp
from yarl import URL

from rollout.core.package_url import without_secrets
from rollout.platforms.classic.redact import redact
from rollout.platforms.classic.transport import Connectors

ATTEMPTS_MAX: Final = 3
"""A question changes nothing, so one that was not answered is asked again."""
PAUSE_S: Final = 1.0
_OK: Final = range(200, 300)
_MAY_PASS: Final = frozenset({408, 429}) | frozenset(range(500, 600))


async def missing(
    urls: Iterable[str], connectors: Connectors, timeout_s: float, pause_s: float = PAUSE_S
) -> str | None:
    """Say which package is not there, or cannot be asked for within `timeout_s` each time; None = all are there."""
    async with aiohttp.ClientSession(
        connector=connectors(None, 1, False),  # noqa: FBT003 - connections are not kept
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=timeout_s),
        trust_env=False,
    ) as session:
        for url in urls:
            if (why := await _asked(session, url, pause_s)) is not None:
                return f"the package {redact(without_secrets(url))} cannot be fetched: {why}"
    return None


async def _asked(session: aiohttp.ClientSession, url: str, pause_s: float) -> str | None:
    said = ""
    for attempt in range(ATTEMPTS_MAX):
        if attempt:
            await asyncio.sleep(pause_s)
        try:
            async with session.head(URL(url, encoded=True), allow_redirects=False) as response:
                if response.status in _OK:
                    return None
                said = f"HTTP {response.status}"
                if response.status not in _MAY_PASS:
                    return said
        except TimeoutError:
            said = "no answer in time"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            said = redact(f"no answer: {error}")
    return f"{said}, {ATTEMPTS_MAX} times"
