import json
from pathlib import Path
from typing import Any

import pytest

from rollout.policy.diff import LINES_MAX, diff
from rollout.policy.fields import all_fields, kind_words, suggestion
from rollout.policy.load import check_document
from rollout.policy.model.policy import Policy
from rollout.policy.schema import explain, schema
from rollout.policy.tree import shown

POLICIES = Path(__file__).parents[2] / "policies"


@pytest.mark.parametrize("path", sorted(POLICIES.rglob("*.yaml")), ids=lambda path: path.name)
def test_every_example_is_valid(path: Path) -> None:
    assert check_document(path).kind in {"policy", "fleet", "shared defaults"}


def walk(part: Any) -> Any:
    if isinstance(part, dict):
        yield part
        for value in part.values():
            yield from walk(value)
    elif isinstance(part, list):
        for value in part:
            yield from walk(value)


def test_the_schema_is_one_whole_of_its_dialect() -> None:
    whole = json.loads(json.dumps(schema()))
    assert whole["$schema"].endswith("2020-12/schema")
    references = {part["$ref"] for part in walk(whole) if "$ref" in part}
    assert references <= {f"#/$defs/{name}" for name in whole["$defs"]}
    assert {"#/$defs/Policy", "#/$defs/Fleet", "#/$defs/Check"} <= references


def test_the_schema_describes_every_field_and_closes_every_mapping() -> None:
    for name, definition in schema()["$defs"].items():
        assert definition["additionalProperties"] is False, name
        assert definition["description"], name
        assert all(field.get("description") for field in definition["properties"].values()), name


def test_the_schema_writes_values_as_people_do() -> None:
    definitions = schema()["$defs"]
    assert definitions["Health"]["properties"]["stable_duration"]["default"] == "2m"
    assert definitions["Health"]["properties"]["stable_duration"]["type"] == "string"
    assert definitions["Check"]["properties"]["http"]["anyOf"][0] == {"type": "string"}
    assert definitions["Check"]["properties"]["json"]["default"] is False
    assert definitions["Wave"]["properties"]["bake_first"]["type"] == "string"
    assert {"type": "array", "items": {"type": "string"}, "minItems": 1} in definitions["Policy"]["properties"][
        "windows"
    ]["anyOf"]
    assert not any(part.get("type") == "null" for part in walk(definitions))


@pytest.mark.parametrize(
    ("path", "lines"),
    [
        ("health.stable_duration", ["a duration such as `90s`", "2m", "Service Fabric: HealthCheckStableDuration"]),
        ("waves[].strict", ["true or false", "true", "StackSets: STRICT_FAILURE_TOLERANCE"]),
        ("waves[].max_parallel", ["a whole number, 1 or more", "1", "StackSets: MaxConcurrentCount"]),
        ("rollout", ["letters, digits, dot, dash, underscore; at most 64", "none; must be given", "rollout"]),
        ("on_failure.service", ["rollback or hold or suspend", "rollback", "Service Fabric: FailureAction"]),
        ("deadline", ["a duration longer than 0s", "none", "rollout"]),
        ("fleet", ["text, or a mapping of subscription, slot, services", "none; must be given", "rollout"]),
        ("notify[].events", ["a list of: started or wave_finished", "needs_attention, finished", "rollout"]),
        ("change.status", ["running or suspended", "none", "Azure: Update Deployment Status"]),
        ("fleet.services.*.tags", ["a mapping of the name of a tag: letters, digits", "none", "rollout"]),
        ("health", ["a mapping of wait_duration, stable_duration", "see below", "rollout"]),
    ],
)
def test_explain_gives_type_default_and_whose_word_it_is(path: str, lines: list[str]) -> None:
    kind, default, word = lines
    told = explain(path).splitlines()
    assert told[0] == path
    assert told[1].startswith(f"  type     {kind}")
    assert told[2:4] == [f"  default  {default}", f"  word     {word}"]


@pytest.mark.parametrize("path", ["waves.strict", "waves[0].strict", "waves[].strict"])
def test_explain_takes_a_path_with_or_without_indices(path: str) -> None:
    assert explain(path).startswith("waves[].strict\n")


@pytest.mark.parametrize("path", ["services.needs", "services.web-01.needs", "fleet.services.web-01.needs"])
def test_explain_takes_paths_of_a_fleet_file(path: str) -> None:
    assert explain(path).startswith("fleet.services.*.needs\n")


def test_explain_lists_what_is_inside() -> None:
    assert "    stable_duration  How long every check must have been healthy without a break [2m]" in explain("health")


def test_every_field_can_be_explained() -> None:
    for path in all_fields():
        assert explain(path).startswith(f"{path}\n  type     ")


@pytest.mark.parametrize(
    ("path", "suggested"),
    [
        ("health.stable_durations", "health.stable_duration"),
        ("helth", "health"),
        ("domain_timeout", "walk.domain_timeout"),
        ("health.retries", "health.retry_timeout"),
    ],
)
def test_an_unknown_field_is_told_with_a_suggestion(path: str, suggested: str) -> None:
    with pytest.raises(ValueError, match=f"unknown field `{path}`; did you mean `{suggested}`"):
        explain(path)


def test_what_nobody_knows_has_no_suggestion() -> None:
    assert suggestion(Policy, ("about", "x", "y")) == ""
    assert suggestion(Policy, ("timeout", "zzz")) == ""
    assert kind_words(str) == "text"


def test_a_diff_shows_what_changed_and_no_query() -> None:
    old = "a: 1\npackage: https://a.example/p?sig=secret1\n"
    told = diff(old, old.replace("secret1", "secret2"))
    assert told.splitlines() == [
        "--- as submitted",
        "+++ as given now",
        "@@ -1,2 +1,2 @@",
        " a: 1",
        "-package: https://a.example/p?***",
        "+package: https://a.example/p?***",
    ]
    assert diff(old, old) == ""


def test_a_long_diff_is_cut() -> None:
    told = diff("\n".join("a" * 500), "\n".join("b" * 500)).splitlines()
    assert len(told) == LINES_MAX + 1
    assert told[-1] == "… and 603 more lines"


def test_a_quoted_value_is_cut_printable_and_without_a_query() -> None:
    assert shown("x" * 100) == f"`{'x' * 60}…`"
    assert shown("a\x1b[31m") == "`a�[31m`"
    assert shown("https://a.example/p?sig=secret") == "`https://a.example/p?***`"
