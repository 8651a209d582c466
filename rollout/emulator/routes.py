"""The routes: which operation a method, a path and a `comp` name, and since which version."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from rollout.emulator import handlers, refusals
from rollout.emulator import handlers_services as services
from rollout.emulator.calls import Answer, Call
from rollout.platforms.classic.vocabulary import KNOWN_VERSIONS, Comp, Verb

_FIRST_VERSION: Final = min(KNOWN_VERSIONS)
_SEGMENT_CHARACTERS_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. A path part in braces takes any text, under that name."""

    method: str
    path: str
    comp: Comp | None
    handle: Callable[[Call], Answer]
    since: str = _FIRST_VERSION


_SERVICE: Final = "services/hostedservices/{service}"
_BY_SLOT: Final = f"{_SERVICE}/deploymentslots/{{slot}}"
_BY_NAME: Final = f"{_SERVICE}/deployments/{{deployment}}"


def _deployment_routes(path: str) -> Iterable[Route]:
    """Give what both spellings of a deployment have."""
    yield Route("GET", path, None, handlers.get_deployment)
    yield Route("DELETE", path, None, handlers.delete)
    yield Route("POST", path, Comp.UPGRADE, handlers.upgrade)
    yield Route("POST", path, Comp.CONFIG, handlers.configure)
    yield Route("POST", path, Comp.WALK, handlers.walk)
    yield Route("POST", path, Comp.ROLLBACK, handlers.rollback, since="2011-10-01")
    yield Route("POST", path, Comp.STATUS, handlers.status)
    yield Route("POST", f"{path}/roleinstances", Comp.DELETE, handlers.delete_instances, since="2013-08-01")
    instance = f"{path}/roleinstances/{{instance}}"
    yield Route("POST", instance, Comp.REBOOT, handlers.restart(Verb.REBOOT), since="2010-10-28")
    yield Route("POST", instance, Comp.REIMAGE, handlers.restart(Verb.REIMAGE), since="2010-10-28")
    yield Route("POST", instance, Comp.REBUILD, handlers.restart(Verb.REBUILD), since="2013-06-01")
    yield Route("POST", f"{path}/package", None, handlers.get_package, since="2012-03-01")
    yield Route("GET", f"{path}/events", None, handlers.list_events, since="2014-06-01")


def _service_routes() -> Iterable[Route]:
    every = "services/hostedservices"
    yield Route("GET", every, None, services.list_services)
    yield Route("POST", every, None, services.create_service, since="2010-10-28")
    yield Route("GET", f"{every}/operations/isavailable/{{name}}", None, services.check_name, since="2012-03-01")
    yield Route("GET", _SERVICE, None, services.get_service)
    yield Route("POST", _SERVICE, None, services.swap)
    yield Route("PUT", _SERVICE, None, services.update_service, since="2010-10-28")
    yield Route("DELETE", _SERVICE, None, services.delete_service, since="2010-10-28")
    yield Route("DELETE", _SERVICE, Comp.MEDIA, services.delete_whole_service, since="2013-08-01")
    yield Route("GET", f"{_SERVICE}/extensions", None, services.list_extensions, since="2013-03-01")
    yield Route("POST", f"{_SERVICE}/extensions", None, services.add_extension, since="2013-03-01")
    extension = f"{_SERVICE}/extensions/{{extension}}"
    yield Route("GET", extension, None, services.get_extension, since="2013-03-01")
    yield Route("DELETE", extension, None, services.delete_extension, since="2013-03-01")


ROUTES: Final = (
    *_deployment_routes(_BY_SLOT),
    Route("POST", _BY_SLOT, None, handlers.create),
    *_deployment_routes(_BY_NAME),
    Route("DELETE", _BY_NAME, Comp.MEDIA, handlers.delete_with_media, since="2013-08-01"),
    *_service_routes(),
    Route("GET", "operations", None, services.list_operations),
    Route("GET", "operations/{operation}", None, handlers.get_operation),
)


_BY_LENGTH: Final[dict[int, list[tuple[Route, list[str]]]]] = {}
for _route in ROUTES:
    _parts = _route.path.split("/")
    _BY_LENGTH.setdefault(len(_parts), []).append((_route, _parts))


def find(
    method: str, raw_path: str, query: Iterable[tuple[str, str]], subscription: str
) -> tuple[Route, dict[str, str]]:
    """Find the route and what its path names; one trailing slash more or less is the same. Raises Refusal."""
    first, *rest = raw_path.removeprefix("/").removesuffix("/").split("/")
    if not rest:
        raise refusals.not_found("The requested resource does not exist.")
    if unquote(first).lower() != subscription:
        raise refusals.foreign_subscription()
    segments = [unquote(segment) for segment in rest]
    candidates = _BY_LENGTH.get(len(segments), ())
    here = [(route, names) for route, parts in candidates if (names := _names(parts, segments)) is not None]
    if not here:
        raise refusals.not_found("The requested resource does not exist.")
    able = [(route, names) for route, names in here if route.method == method]
    if not able:
        raise refusals.http_verb()
    comp = _comp(query)
    for route, names in able:
        if comp == route.comp:
            return route, names
    raise refusals.query_parameter()


def version(given: Sequence[str], route: Route) -> str:
    """Give the version the caller speaks. Raises Refusal unless it is one known, and knows the operation."""
    if len(given) != 1 or given[0] not in KNOWN_VERSIONS or given[0] < route.since:
        raise refusals.version_header()
    return given[0]


def _names(parts: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    names: dict[str, str] = {}
    for part, text in zip(parts, segments, strict=True):
        if part.startswith("{"):
            if not 1 <= len(text) <= _SEGMENT_CHARACTERS_MAX:
                return None
            names[part.strip("{}")] = text
        elif part != text.lower():
            return None
    return names


def _comp(query: Iterable[tuple[str, str]]) -> str | None:
    given = [value.lower() for name, value in query if name.lower() == "comp"]
    if len(given) > 1:
        raise refusals.query_parameter()
    return given[0] if given else None
