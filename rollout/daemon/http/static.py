"""The dashboard's files, as they lie in the package: nothing is made up per request, and no other file can be had."""

import mimetypes
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final

from rollout.daemon.http.problem import Refused
from rollout.daemon.http.route import Answer, Asked, NoQuery

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
"""Own scripts only, no inline ones, no frame, nobody else's anything (security.md, T17)."""
TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}


class Files:
    """Every file below the package's web folder, read once."""

    def __init__(self) -> None:
        self._found: dict[str, bytes] = {}
        folder = resources.files("rollout.daemon") / "web"
        if folder.is_dir():
            self._read(folder, "")

    def get(self, name: str) -> bytes | None:
        """Give a file by its name below the folder."""
        return self._found.get(name)

    def _read(self, folder: Traversable, above: str) -> None:
        for each in folder.iterdir():
            if each.is_dir():
                self._read(each, f"{above}{each.name}/")
            elif not each.name.endswith((".py", ".pyc")):
                self._found[f"{above}{each.name}"] = each.read_bytes()


async def to_ui(desk: Any, asked: Asked[NoQuery, None]) -> Answer:  # noqa: ARG001 - a handler's signature
    """Lead whoever typed the address alone to the dashboard."""
    return Answer(content=b"", status=308, content_type="text/plain", headers={"Location": "/ui/"})


async def ui(desk: Any, asked: Asked[NoQuery, None]) -> Answer:
    """Give a file of the dashboard."""
    name = asked.names["file"] or "index.html"
    content = desk.files.get(name)
    if content is None:
        raise Refused(404, "the dashboard has no such file", instead="/ui/")
    suffix = name[name.rfind(".") :]
    kind = TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    text = kind.startswith("text/") or kind == "image/svg+xml"
    return Answer(
        content=content,
        content_type=f"{kind}; charset=utf-8" if text else kind,
        headers={"Content-Security-Policy": POLICY},
    )
