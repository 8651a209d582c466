"""Answers that are none: a whole reply whose document is another one, a page of HTML, or too large to be taken."""

from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from rollout.simulation.network import about_of
from rollout.simulation.weather import SPOILT, Weather

TOO_LARGE_BYTES: Final = (1 << 20) + 1
"""One more than the client takes."""
_WRONG_ROOT: Final = b'<Weather xmlns="http://schemas.microsoft.com/windowsazure"><Sky>clear</Sky></Weather>'
_PAGE: Final = b"<!DOCTYPE html><html><head><title>Welcome</title></head><body>Please sign in.</body></html>"
_OK: Final = 200


class Spoiler:
    """Spoils answers that carry a document, as the weather has it. `time` gives seconds of the world."""

    def __init__(self, weather: Weather, time: Callable[[], float]) -> None:
        self._weather = weather
        self._time = time

    async def __call__(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Answer, or something like it."""
        response: web.StreamResponse = await handler(request)
        if not isinstance(response, web.Response) or response.status != _OK or self._time() >= self._weather.calm_at:
            return response
        about = about_of(request.method, request.rel_url.raw_path_qs)
        fate = self._weather.strike(SPOILT, "spoilt", about.service, about.what)
        if fate == "wrong_root":
            response.body = _WRONG_ROOT
        elif fate == "page":
            response.body, response.content_type = _PAGE, "text/html"
        elif fate == "too_large":
            response.body = b" " * TOO_LARGE_BYTES
        return response
