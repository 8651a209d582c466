"""What is wrong with a request before anybody asks who sent it: its head, its host, and the page it comes from."""

import re
from collections.abc import Iterable
from typing import Final

from aiohttp import HttpVersion10, hdrs, web

from rollout.daemon.http.limits import HttpLimits
from rollout.daemon.http.problem import Refused

_HOST: Final = re.compile(
    r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)(?::([0-9]{1,5}))?"
)
_ABSOLUTE: Final = re.compile(r"https?://([^/?#]*)(/.*)?", re.DOTALL)
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
ENDLESS: Final = frozenset({"0.0.0.0", "[::]"})  # noqa: S104 - every address: no name that one could ask for


class Names:
    """The host names under which a daemon may be asked for: loopback, its address, and what the settings list."""

    def __init__(self, own: str, listed: Iterable[str]) -> None:
        address = f"[{own}]" if ":" in own else own
        self._names = (LOOPBACK | {address.lower()} | {name.lower() for name in listed}) - ENDLESS

    def knows(self, host: str) -> bool:
        """Tell whether a Host header, or the host of a target, is one of them; a port may follow."""
        found = _HOST.fullmatch(host)
        return found is not None and found.group(1).lower() in self._names


def path_of(request: web.Request, names: Names, limits: HttpLimits) -> tuple[str, str]:
    """Give the raw path and query of a request that may be looked at. Raises Refused: 400, 404, 414, 421, 431."""
    if request.version < HttpVersion10:
        raise Refused(400, "the request line names no version of HTTP", close=True)
    if sum(len(name) + len(value) + 4 for name, value in request.raw_headers) > limits.header_bytes:
        raise Refused(431, f"the headers are over {limits.header_bytes} bytes", close=True)
    target = request.raw_path
    if len(target) > limits.path_chars:
        raise Refused(414, f"the target is longer than {limits.path_chars} characters", close=True)
    hosts = request.headers.getall(hdrs.HOST, [])
    if len(hosts) != 1:
        raise Refused(400, f"a request has exactly one Host header, and this has {len(hosts)}", close=True)
    _refuse_host(hosts[0], names)
    if not target.startswith("/"):
        if (absolute := _ABSOLUTE.fullmatch(target)) is None:
            raise Refused(400, "the target is no path")
        _refuse_host(absolute.group(1), names)
        target = absolute.group(2) or "/"
    if target.startswith("//"):
        raise Refused(404, "there is nothing at this path")
    path, _, query = target.partition("?")
    return path, query


def refuse_other_pages(request: web.Request) -> None:
    """Refuse what a browser sends for a page of another origin. Raises Refused (403)."""
    sites = request.headers.getall("Sec-Fetch-Site", [])
    if any(site not in {"same-origin", "none"} for site in sites):
        raise Refused(403, "another site's page may not ask here")
    origins = request.headers.getall(hdrs.ORIGIN, [])
    own = f"{request.scheme}://{request.headers[hdrs.HOST]}"
    if any(origin.lower() != own.lower() for origin in origins):
        raise Refused(403, "a page of another origin may not ask here")


def _refuse_host(host: str, names: Names) -> None:
    if not names.knows(host):
        raise Refused(
            421, "this daemon does not answer under that name", close=True, instead="daemon.hosts in the settings"
        )
