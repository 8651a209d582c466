"""The parade over HTTP, on loopback: the dashboard's own files under the daemon's policy, and its event stream."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from aiohttp import web

from bench.clients.parade import AFTER, BEFORE, ROLLOUT, Parade
from rollout.daemon.http.static import POLICY, TYPES, Files

TICK_S: Final = 0.02
HEAD_EVERY_S: Final = 1.0
STATUS: Final = {
    "version": "0",
    "budget": [
        {"scope": "fleet", "kind": kind, "rate": rate, "waiting": 0, "throttles": 0, "breaker_open": False}
        for kind, rate in (("read", 7.5), ("write", 2.0))
    ],
    "poll_lag_s": 0.2,
    "loop_lag_s": 0.001,
    "undecided_s": 0.0,
    "journal": {"sync_ms": 3.1, "position": 1},
    "caps": [
        {"scope": "fleet", "what": "domains", "used": 18, "limit": 20},
        {"scope": "fleet", "what": "instances", "used": 36, "limit": 60},
    ],
    "holds": {"failure": 2},
    "in_flight": 18,
    "trouble": None,
}
OPERATION: Final = {"id": "0f" * 16, "dashed": "0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f"}
EVIDENCE: Final = {
    "operation": OPERATION,
    "error": "InternalError: The server encountered an internal error. Please retry the request.",
    "gates": [
        {
            "at": 1_795_773_600.0 + 60 * number,
            "domain": number // 2,
            "said": "gate_passed" if number % 2 else "probed",
            "verdict": "pass",
            "reason": None,
            "checks": [{"check": "instances", "verdict": "pass", "detail": "2 of 2 instances ready"}],
        }
        for number in range(6)
    ],
    "exchanges": [
        {
            "at": 1_795_773_590.0,
            "number": 4,
            "what": "walk of domain 2",
            "method": "POST",
            "path": "/services/hostedservices/web/deploymentslots/production/?comp=walkupgradedomain",
            "sent": True,
            "status": 202,
            "request": "x-ms-version: 2015-04-01\n\n<WalkUpgradeDomain>\n  <UpgradeDomain>2</UpgradeDomain>",
            "answer": "x-ms-request-id: " + OPERATION["id"],
            "request_id": OPERATION["id"],
            "request_id_dashed": OPERATION["dashed"],
            "cut": False,
        }
    ],
}
WORDS: Final = ("pause", "stop", "retry", "rollback", "resolve", "claim")
DESTRUCTIVE: Final = frozenset({"rollback", "resolve"})


class ParadeServer:
    """What the page asks for, answered out of a parade; `per_s` changes a second once somebody listens."""

    def __init__(self, parade: Parade, per_s: float) -> None:
        self.parade = parade
        self.per_s = per_s
        self.sent = 0
        """Changes that were written to the stream."""
        self._files = Files()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve on a free port of loopback, and give the address."""
        app = web.Application()
        app.router.add_get("/ui/{name:.*}", self._file)
        app.router.add_get("/v1/events", self._events)
        app.router.add_get("/v1/{what:.*}", self._document)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"] or "index.html"
        content = self._files.get(name)
        if content is None:
            raise web.HTTPNotFound
        kind = TYPES[name[name.rindex(".") :]]
        return web.Response(
            body=content, headers={"Content-Security-Policy": POLICY, "Content-Type": f"{kind}; charset=utf-8"}
        )

    async def _document(self, request: web.Request) -> web.Response:
        return web.Response(
            body=msgspec.json.encode(self._answer(request.match_info["what"], request.query.get("service"))),
            content_type="application/json",
        )

    def _answer(self, what: str, service: str | None) -> dict[str, Any]:
        if what == "me":
            return {"name": "ana", "roles": ["admin"], "groups": ["leads"]}
        if what == "status":
            return {**STATUS, "started": self.parade.began_at}
        if what == "freeze":
            return {"frozen": False}
        if what == "services":
            return _listed([_release(each) for each in msgspec.to_builtins(list(self.parade.rows()))])
        if what.endswith("/actions"):
            return _listed([_word(verb, service or ROLLOUT) for verb in WORDS])
        if "/services/" in what:
            name = what.rpartition("/")[2]
            row = next(row for row in self.parade.rows() if row.service == name)
            return {**msgspec.to_builtins(row), **EVIDENCE, "words": {}}
        if what.endswith("/timeline"):
            return _listed([])
        head: dict[str, Any] = msgspec.to_builtins(self.parade.head())
        return {**head, "plan": "0" * 12, "approvals": [], "services": []}

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        await response.write(_event("snapshot", self.parade.snapshot(), self.parade.position))
        with contextlib.suppress(ConnectionError):  # the page was closed
            await self._go_on(response)
        return response

    async def _go_on(self, response: web.StreamResponse) -> None:
        began_s, due, head_s = time.monotonic(), 0, 0.0
        while True:
            await asyncio.sleep(TICK_S)
            spent_s, at = time.monotonic() - began_s, time.time()
            parts = []
            while due < spent_s * self.per_s:
                due += 1
                index = self.parade.advance(at)
                parts.append(_event("entry", self.parade.entry(index), self.parade.position))
            if parts and spent_s - head_s >= HEAD_EVERY_S:
                head_s = spent_s
                parts.append(_event("head", self.parade.head()))
            if parts:
                await response.write(b"".join(parts))
            self.sent = due


def _word(verb: str, target: str) -> dict[str, Any]:
    needs = ["reason", "resolve_as"] if verb == "resolve" else ["reason"]
    told = {"verb": verb, "target": target, "legal": True, "no_op": False, "said": f"{verb} it", "why_not": None}
    told |= {"instead": None, "role": "operator", "allowed": True, "needs": needs, "count": 1}
    return told | {"destructive": verb in DESTRUCTIVE}


def _release(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"release": AFTER if row["outcome"] else BEFORE, "wanted": AFTER}


def _listed(items: list[Any]) -> dict[str, Any]:
    return {"items": items, "next": None, "position": 1}


def _event(kind: str, document: Any, position: int | None = None) -> bytes:
    named = b"" if position is None else b"id: %d\n" % position
    return b"%bevent: %b\ndata: %b\n\n" % (named, kind.encode(), msgspec.json.encode(document))
