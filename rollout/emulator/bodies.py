"""Request bodies: read whole, within a size and a time."""

import asyncio
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from rollout.emulator.hardened import DOCUMENT_BYTES_MAX

BODY_SECONDS_MAX: Final = 10.0
BODY_BYTES_MAX: Final = 2 * DOCUMENT_BYTES_MAX
"""Above the XML reader's own limit, so that a body a little too large is answered as bad XML."""


class BodyRefused(Exception):
    """The body was not taken; `status` is the answer."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


async def read_body(request: web.Request, seconds: float = BODY_SECONDS_MAX) -> bytes:
    """Read a request's body. Raises BodyRefused: 408 too slow, 413 too large, 400 broken framing or cut off."""
    try:
        async with asyncio.timeout(seconds):
            return await request.read()
    except TimeoutError:
        raise BodyRefused(408, f"The body did not arrive within {seconds:g} seconds.") from None
    except web.HTTPRequestEntityTooLarge:
        raise BodyRefused(413, f"The body is over {BODY_BYTES_MAX} bytes.") from None
    except (web.RequestPayloadError, HttpProcessingError):
        raise BodyRefused(400, "The body's transfer or content encoding is broken.") from None
    except ConnectionError:
        raise BodyRefused(400, "The connection ended before the body did.") from None
