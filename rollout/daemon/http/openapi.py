"""OpenAPI 3.1, made from the table of routes: paths, who may, bodies, queries, and what comes back."""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from pydantic.json_schema import models_json_schema

from rollout.daemon.http.pages import PageQuery
from rollout.daemon.http.problem import CONTENT_TYPE
from rollout.daemon.http.route import Query, Route

REF: Final = "#/components/schemas/{name}"
_NAME: Final = re.compile(r"\{(\*?)([a-z]+)\}")
_SAID: Final = {200: "As asked.", 201: "Made.", 202: "Taken.", 308: "It is there."}
PROBLEM: Final = {
    "type": "object",
    "description": "A refusal (RFC 9457): what, why, and what would work instead.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "instead": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
        "said": {"type": "array", "items": {"type": "object"}},
    },
}


def openapi(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """Describe the table."""
    bodies = [route.body for route in routes if route.body is not None]
    modes = [(body, "validation") for body in dict.fromkeys(bodies)]
    _, shared = models_json_schema(modes, ref_template=REF.format(name="{model}"))  # type: ignore[arg-type] # a literal
    answers = [route.answers for route in routes if route.answers is not None]
    _, records = msgspec.json.schema_components(answers, ref_template=REF)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = _NAME.sub(r"{\2}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "rollout",
            "version": version,
            "description": "Manual-mode rolling upgrades on many cloud services at once.",
        },
        "paths": paths,
        "components": {
            "schemas": {**shared.get("$defs", {}), **records, "Problem": PROBLEM},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = {
        "summary": route.summary,
        "operationId": f"{route.method.lower()}_{route.handler.__name__}",
        "parameters": [*_names(route), *_queries(route.query), *_headers(route)],
        "responses": {
            **{str(status): _answer(route, status) for status in route.statuses},
            "default": {"description": "Refused.", "content": {CONTENT_TYPE: {"schema": _ref("Problem")}}},
        },
        "security": [{"token": []}] if route.roles else [],
    }
    if route.roles:
        found["description"] = f"For {' or '.join(route.roles)}."
    if route.body is not None:
        schema = _ref(route.body.__name__)
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if route.method == "GET" and not route.streams:
        found["responses"]["304"] = {"description": "If-None-Match names it."}
    return found


def _answer(route: Route, status: int) -> dict[str, Any]:
    if route.answers is not None and not issubclass(route.query, PageQuery):
        schema: dict[str, Any] = _ref(route.answers.__name__)
    elif route.answers is not None:
        items = {"type": "array", "items": _ref(route.answers.__name__)}
        following = {"type": ["string", "null"]}
        schema = {
            "type": "object",
            "required": ["items", "next", "position"],
            "properties": {"items": items, "next": following, "position": {"type": "integer"}},
        }
    elif route.content_type.endswith("json"):
        schema = {"type": "object"}
    else:
        schema = {"type": "string"}
    return {"description": _SAID[status], "content": {route.content_type: {"schema": schema}}}


def _names(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for _, name in _NAME.findall(route.path)
    ]


def _queries(query: type[Query]) -> list[dict[str, Any]]:
    schema = query.model_json_schema()
    return [
        {"name": name, "in": "query", "required": False, "schema": each}
        for name, each in schema.get("properties", {}).items()
    ]


def _headers(route: Route) -> list[dict[str, Any]]:
    if route.method != "POST":
        return []
    key = {"type": "string", "pattern": r"^[\x21-\x7e]{1,200}$"}
    return [{"name": "Idempotency-Key", "in": "header", "required": False, "schema": key}]


def _ref(name: str) -> dict[str, str]:
    return {"$ref": REF.format(name=name)}
