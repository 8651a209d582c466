"""A dashboard in chromium under a stream of changes: how long its frames take, and how far it is behind."""

import asyncio
import os
import time
from typing import Any, Final

import msgspec

from bench.child import Reading
from bench.clients.chromium import browser
from bench.clients.order import Order, run
from bench.clients.parade import ROLLOUT, Parade
from bench.clients.parade_server import ParadeServer

WIDTH, HEIGHT = 1440, 900
LOOK_MS: Final = 30_000
WATCH: Final = """seconds => new Promise((resolve) => {
    const frames = [];
    let last = null;
    let long = 0;
    new PerformanceObserver((list) => { long += list.getEntries().length; }).observe({ type: "longtask" });
    const began = performance.now();
    const tick = (now) => {
        if (last !== null) frames.push(now - last);
        last = now;
        if (now - began < seconds * 1000) requestAnimationFrame(tick);
        else {
            frames.sort((a, b) => a - b);
            const at = (share) => frames[Math.min(frames.length - 1, Math.floor(share * frames.length))] / 1000;
            resolve({ p50: at(0.5), p95: at(0.95), worst: at(1), frames: frames.length, long });
        }
    };
    requestAnimationFrame(tick);
})"""
SHOWN: Final = "document.querySelector('[data-field=stream]').textContent.replace(/[^0-9]/g, '')"
DRAWN: Final = ".line[data-service] .domains i"


class Watched(msgspec.Struct, frozen=True):
    """One measurement; `per_s` 0 = nothing changes."""

    services: int
    domains: int
    per_s: float
    warm_s: float
    window_s: float


def measure(given: dict[str, Any]) -> Reading:
    """Measure one row. The browser has all cores: it is several processes, and a person's machine has them too."""
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    watched = msgspec.convert(given, Watched)
    return run(Order("", loop="uvloop"), lambda: _measure(watched))


async def _measure(watched: Watched) -> Reading:
    server = ParadeServer(Parade(watched.services, watched.domains, time.time()), watched.per_s)
    async with server.serving() as url, browser() as opened:
        page = await (await opened.new_context(viewport={"width": WIDTH, "height": HEIGHT})).new_page()
        await page.add_init_script("sessionStorage.setItem('rollout.token', 'nobody looks')")
        await page.goto(f"{url}/ui/#/r/{ROLLOUT}")
        await page.locator(DRAWN).first.wait_for(timeout=LOOK_MS)
        await asyncio.sleep(watched.warm_s)
        session = await page.context.new_cdp_session(page)
        await session.send("Performance.enable")
        began_s, sent, before = time.monotonic(), server.sent, await _seconds(session)
        frames = await page.evaluate(WATCH, watched.window_s)
        spent_s, changes, after = time.monotonic() - began_s, server.sent - sent, await _seconds(session)
        shown = int(await page.evaluate(SHOWN))
        behind = server.parade.position - shown  # with the time that asking took: an upper bound
        return {
            "frame_p50_s": frames["p50"],
            "frame_p95_s": frames["p95"],
            "frame_worst_s": frames["worst"],
            "frames": frames["frames"],
            "long_tasks": frames["long"],
            "changes_per_s": changes / spent_s,
            "behind_s": max(behind, 0) / watched.per_s if watched.per_s else 0.0,
            "busy": (after["TaskDuration"] - before["TaskDuration"]) / spent_s,
            "script": (after["ScriptDuration"] - before["ScriptDuration"]) / spent_s,
        }


async def _seconds(session: Any) -> dict[str, float]:
    told = await session.send("Performance.getMetrics")
    return {each["name"]: each["value"] for each in told["metrics"]}
