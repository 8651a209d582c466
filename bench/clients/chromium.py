"""Debian's chromium, as the bench and its pictures start it: nothing but the page goes to the network."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from bench.skipped import Skipped

FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@asynccontextmanager
async def browser() -> AsyncIterator[Any]:
    """Start a browser. Raises Skipped where there is none."""
    found = shutil.which("chromium")
    if found is None:
        raise Skipped("install chromium (apt-get install chromium)")
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        raise Skipped("install playwright (pip install -e '.[dev]')") from None
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        try:
            yield opened
        finally:
            await opened.close()
