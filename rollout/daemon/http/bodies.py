"""Request bodies: JSON alone, uncompressed, whole within a size and a time."""

import asyncio
from typing import Any

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from rollout.daemon.http.limits import HttpLimits
from rollout.daemon.http.problem import Refused
from rollout.daemon.http.strict import read_json


async def read_body(request: web.Request, limits: HttpLimits) -> dict[str, Any]:
    """Read the object in a request's body. Raises Refused: 400, 408, 413, 415."""
    _refuse_other_types(request)
    if (request.content_length or 0) > limits.body_bytes:
        raise _too_large(limits)
    if request.headers.get(hdrs.EXPECT) is not None and request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return read_json(await _read(request, limits))


def _refuse_other_types(request: web.Request) -> None:
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise Refused(415, "compressed bodies are not taken", close=True)
    types = request.headers.getall(hdrs.CONTENT_TYPE, [])
    kind, _, parameters = (types[0] if len(types) == 1 else "").partition(";")
    fits = kind.strip().lower() == "application/json"
    if not fits or parameters.strip().lower().replace('"', "") not in {"", "charset=utf-8"}:
        raise Refused(415, "the body must be application/json in UTF-8", close=True)


async def _read(request: web.Request, limits: HttpLimits) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.body_s):
            async for chunk in request.content.iter_any():
                size += len(chunk)
                if size > limits.body_bytes:
                    raise _too_large(limits)
                parts.append(chunk)
    except TimeoutError:
        raise Refused(408, f"the body did not arrive within {limits.body_s:g} seconds", close=True) from None
    except (web.RequestPayloadError, HttpProcessingError):
        raise Refused(400, "the body's transfer encoding is broken", close=True) from None
    except ConnectionError:
        raise Refused(400, "the connection ended before the body did", close=True) from None
    return b"".join(parts)


def _too_large(limits: HttpLimits) -> Refused:
    return Refused(413, f"the body is over {limits.body_bytes} bytes", close=True)
