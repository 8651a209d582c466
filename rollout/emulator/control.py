"""The emulator's own endpoints: its log, its state, and the faults to come."""

from typing import Any, Final

import msgspec
from aiohttp import web

from rollout.emulator import bodies, state
from rollout.emulator.fabric import Fabric
from rollout.emulator.faults import BadFaults, read_faults

_FABRIC: Final = web.AppKey("fabric", Fabric)


def add_routes(app: web.Application, fabric: Fabric) -> None:
    """Serve `/_emulator/...` beside the API."""
    app[_FABRIC] = fabric
    app.router.add_get("/_emulator/log", _log)
    app.router.add_get("/_emulator/state", _state)
    app.router.add_put("/_emulator/faults", _faults)


async def _log(request: web.Request) -> web.Response:
    return _json(200, state.log(request.app[_FABRIC]))


async def _state(request: web.Request) -> web.Response:
    return _json(200, state.state(request.app[_FABRIC]))


async def _faults(request: web.Request) -> web.Response:
    try:
        body = await bodies.read_body(request)
        document = msgspec.json.decode(body)
        faults = read_faults(document)
    except bodies.BodyRefused as error:
        return _json(error.status, {"error": str(error)})
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        return _json(400, {"error": f"the body is not JSON: {error!s:.200}"})
    except BadFaults as error:
        return _json(400, {"error": str(error)})
    request.app[_FABRIC].set_faults(faults)
    return _json(200, {"faults": len(faults)})


def _json(status: int, document: Any) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(document), content_type="application/json")
