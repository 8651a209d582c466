"""Take pictures of the dashboard: `python -m bench.shots [FOLDER]` writes dashboard-*.png for eyes to judge.

The fleets are make-believe (`bench.clients.parade`), the page and its policy are the daemon's own.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.clients.chromium import browser
from bench.clients.parade import ROLLOUT, Parade
from bench.clients.parade_server import ParadeServer
from bench.report import RESULTS
from bench.skipped import Skipped

LOOK_MS: Final = 30_000
DESK: Final = (1440, 900)
PHONE: Final = (390, 844)
OPENED: Final = "/s/web-neu-0006"


class Shot(msgspec.Struct, frozen=True):
    """One picture; `path` is what the address says behind the rollout."""

    name: str
    services: int
    domains: int
    scheme: str = "light"
    size: tuple[int, int] = DESK
    path: str = ""
    by: str = ""


SHOTS: Final = (
    Shot("12-light", 12, 5),
    Shot("12-dark-opened", 12, 5, scheme="dark", path=OPENED),
    Shot("500-light", 500, 5),
    Shot("500-dark-by-region", 500, 5, scheme="dark", by="tag:region"),
    Shot("1000x20-light", 1_000, 20),
    Shot("500-releases", 500, 5, path="/releases"),
    Shot("phone-light", 500, 5, size=PHONE),
    Shot("phone-dark-20", 500, 20, scheme="dark", size=PHONE),
    Shot("phone-opened", 12, 5, size=PHONE, path=OPENED),
)


async def take(folder: Path) -> None:
    """Take every picture, in one browser."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - a tool that does nothing else meanwhile
    async with browser() as opened:
        for shot in SHOTS:
            await _one(opened, shot, folder / f"dashboard-{shot.name}.png")


async def _one(opened: Any, shot: Shot, target: Path) -> None:
    width, height = shot.size
    server = ParadeServer(Parade(shot.services, shot.domains, time.time() - 754.0), 0.0)
    context = await opened.new_context(viewport={"width": width, "height": height}, color_scheme=shot.scheme)
    async with server.serving() as url:
        page = await context.new_page()
        await page.add_init_script("sessionStorage.setItem('rollout.token', 'nobody looks')")
        await page.goto(f"{url}/ui/#/r/{ROLLOUT}{shot.path}")
        shown = ".drawer h2" if "/s/" in shot.path else ".matrix tbody tr" if shot.path else ".line[data-service]"
        await page.locator(shown).first.wait_for(timeout=LOOK_MS)
        await page.locator(".needs .card button[data-verb]").first.wait_for(timeout=LOOK_MS)
        if shot.by:
            await page.select_option("#by", shot.by)
        await page.screenshot(path=target, full_page=shot.size == PHONE)
        await context.close()


def main() -> None:
    """Take the pictures into the folder that is named, else to the results."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS
    try:
        asyncio.run(take(folder))
    except Skipped as reason:
        sys.exit(f"no pictures: {reason}")
    print(f"wrote {len(SHOTS)} pictures to {folder}")


if __name__ == "__main__":
    main()
