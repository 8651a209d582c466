"""The description of the API: made from the table, right as OpenAPI 3.1, and kept to under generated requests."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from rollout.daemon.http.openapi import openapi
from rollout.daemon.http.route import Table
from rollout.daemon.http.table import ROUTES

LONG = bool(os.environ.get("ROLLOUT_LONG"))
EXAMPLES = 100 if LONG else 6
"""Of each operation and mode: about a minute, or a few seconds."""
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

SCHEMA = schemathesis.openapi.from_dict(openapi(ROUTES, "0"))
OPERATIONS: list[Any] = [each.ok() for each in SCHEMA.get_all_operations() if isinstance(each, Ok)]
OPERATIONS = [each for each in OPERATIONS if each.path != "/v1/events"]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory, serving: Any) -> Iterator[Any]:
    """Give a daemon of its own: what is generated may freeze it."""
    with serving(tmp_path_factory.mktemp("fuzzed") / "state") as daemon:
        more = "approve: {by: leads, within: 1h}"
        assert daemon.ask("POST", "/v1/rollouts", daemon.bundle("web-1", ("svc-0001",), more)).status == 201
        yield daemon


def test_the_description_is_a_valid_one(daemon: Any) -> None:
    SCHEMA.validate()
    described = daemon.ask("GET", "/openapi.json").json
    assert described["openapi"] == "3.1.0"
    rows = {(route.method.lower(), route.path.replace("{*", "{")) for route in ROUTES}
    assert {(method, path) for path, methods in described["paths"].items() for method in methods} == rows


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [f"{route.method} {route.handler.__name__}" for route in ROUTES]
    assert len(set(names)) == len(names)


def test_no_route_hides_another() -> None:
    table = Table(ROUTES)
    for route in ROUTES:
        path = route.path.replace("{*file}", "index.html").replace("{", "").replace("}", "")
        assert table.find(route.method, path).route is route


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.name.lower())
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.label)
def test_generated_requests_are_answered_as_described(fuzzed: Any, operation: Any, mode: GenerationMode) -> None:
    if mode is GenerationMode.NEGATIVE and not (operation.query or operation.body):
        return  # nothing comes with it that could be wrong
    headers = {"Authorization": f"Bearer {fuzzed.token()}"}

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=not LONG,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode))
    def ask(case: Any) -> None:
        case.validate_response(case.call(base_url=fuzzed.url, headers=headers), checks=CHECKS)

    ask()
