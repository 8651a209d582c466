"""Debian's chromium looks at the dashboard of a daemon that runs over an emulated fleet."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from bench.clients.chromium import FLAGS

CHROMIUM: Final = shutil.which("chromium")
LOOK_MS: Final = 30_000
"""How long a page may take to show something, on a machine that does much else."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Have a browser for these tests alone: while it is there, its loop runs in this thread, and no other one can."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Any, daemon: Any) -> Iterator[Callable[..., Any]]:
    """Give the way to a page on which somebody is let in; at the end no page may have complained."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def enter(
        path: str = "",
        role: str = "admin",
        *,
        before: Callable[[Any], None] | None = None,
        excused: str = "\0",
        **options: Any,
    ) -> Any:
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | options))
        contexts.append(context)
        context.set_default_timeout(LOOK_MS)
        token = daemon.token(role)
        context.add_init_script(f"sessionStorage.setItem('rollout.token', {token!r})")
        page = context.new_page()

        def hear(said: Any) -> None:
            if said.type == "error" and excused not in said.text:
                complaints.append(said.text)

        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if before is not None:
            before(page)
        page.goto(f"{daemon.url}/ui/{path}")
        return page

    yield enter
    for context in contexts:
        context.close()
    assert complaints == []
