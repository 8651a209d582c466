"""The emulator's own endpoints: its log, its state, the faults to come, and the strangers."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

from rollout.emulator import bodies, state
from rollout.emulator.fabric import Fabric
from rollout.emulator.faults import BadFaults, read_faults
from rollout.emulator.strangers import BadStrangers, expect, read_strangers

_FABRIC: Final = web.AppKey("fabric", Fabric)


def add_routes(app: web.Application, fabric: Fabric) -> None:
    """Serve `/_emulator/...` beside the API."""
    app[_FABRIC] = fabric
    app.router.add_get("/_emulator/log", _log)
    app.router.add_get("/_emulator/state", _state)
    app.router.add_put("/_emulator/faults", _faults)
    app.router.add_put("/_emulator/strangers", _strangers)


async def _log(request: web.Request) -> web.Response:
    return _json(200, state.log(request.app[_FABRIC]))


async def _state(request: web.Request) -> web.Response:
    return _json(200, state.state(request.app[_FABRIC]))


async def _faults(request: web.Request) -> web.Response:
    fabric = request.app[_FABRIC]
    return await _take(request, "faults", read_faults, fabric.set_faults)


async def _strangers(request: web.Request) -> web.Response:
    fabric = request.app[_FABRIC]
    return await _take(request, "strangers", read_strangers, lambda strangers: expect(fabric, strangers))


async def _take(
    request: web.Request, what: str, read: Callable[[object], Sequence[Any]], use: Callable[[Sequence[Any]], None]
) -> web.Response:
    """Read a list and use it, or say what is wrong with it."""
    try:
        body = await bodies.read_body(request)
        found = read(msgspec.json.decode(body))
    except bodies.BodyRefused as error:
        return _json(error.status, {"error": str(error)})
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        return _json(400, {"error": f"the body is not JSON: {error!s:.200}"})
    except (BadFaults, BadStrangers) as error:
        return _json(400, {"error": str(error)})
    use(found)
    return _json(200, {what: len(found)})


def _json(status: int, document: Any) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(document), content_type="application/json")
