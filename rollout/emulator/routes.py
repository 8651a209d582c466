"""The routes: which operation a method, a path and a `comp` name, and since which version."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from rollout.emulator import handlers, refusals
from rollout.emulator.calls import Answer, Call
from rollout.platforms.classic.vocabulary import KNOWN_VERSIONS, Comp

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


def _deployment_routes() -> Iterable[Route]:
    service = "services/hostedservices/{service}"
    for path in (f"{service}/deploymentslots/{{slot}}", f"{service}/deployments/{{deployment}}"):
        yield Route("GET", path, None, handlers.get_deployment)
        yield Route("POST", path, Comp.UPGRADE, handlers.upgrade)
        yield Route("POST", path, Comp.WALK, handlers.walk)
        yield Route("POST", path, Comp.ROLLBACK, handlers.rollback, since="2011-10-01")
        yield Route("POST", path, Comp.STATUS, handlers.status)


ROUTES: Final = (
    *_deployment_routes(),
    Route("GET", "operations/{operation}", None, handlers.get_operation),
)


def find(
    method: str, raw_path: str, query: Iterable[tuple[str, str]], subscription: str
) -> tuple[Route, dict[str, str]]:
    """Find the route and what its path names; one trailing slash more or less is the same. Raises Refusal."""
    first, *rest = raw_path.removeprefix("/").removesuffix("/").split("/")
    if not rest:
        raise refusals.not_found("The requested resource does not exist.")
    if unquote(first).lower() != subscription:
        raise refusals.foreign_subscription()
    here = [(route, names) for route in ROUTES if (names := _names(route.path, rest)) is not None]
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


def _names(template: str, segments: list[str]) -> dict[str, str] | None:
    parts = template.split("/")
    if len(parts) != len(segments):
        return None
    names: dict[str, str] = {}
    for part, segment in zip(parts, segments, strict=True):
        text = unquote(segment)
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
