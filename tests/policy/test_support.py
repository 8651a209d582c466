from pathlib import Path
from typing import Any

import pytest

from rollout.policy.load import load_policy
from rollout.policy.support import SUPPORTED, unsupported

POLICIES = Path(__file__).parents[2] / "policies"


def told(folder: Any, more: str) -> list[str]:
    return [str(problem).replace(f"{folder.path}/", "") for problem in unsupported(folder.load(more))]


def test_the_runnable_example_is_supported() -> None:
    bundle = load_policy(POLICIES / "web.yaml")
    assert unsupported(bundle) == []
    assert len(bundle.services) == 12


def test_the_whole_language_is_supported() -> None:
    assert unsupported(load_policy(POLICIES / "full.yaml")) == []


@pytest.mark.parametrize(
    "more",
    [
        "",
        "about: {a: b}\ntimeout: 1h",
        "waves: [{name: all, select: rest, max_parallel: 2, failure_tolerance: 1, strict: true}]",
        "health: {wait_duration: 1s, stable_duration: 1s, retry_timeout: 1s, interval: 1s}",
        "walk: {bake_before_last: 1s, domain_timeout: 10m, allow_no_rollback: true}\noperation_timeout: {begin: 1s}",
        "on_failure: {service: hold, wave: halt}\nrollback: {mode: manual, timeout: 1s}",
        "on_failure: {service: suspend}\noperation_timeout: {begin: 1s, swap: 1s, status: 1s}",
        "rollback: {package: 'https://a.example/b', configuration: configs/web-01.cscfg}",
        "rollback: {capture_container: 'https://a.example/b'}\nforeign: {scale: hold, reboot: hold, upgrade: tolerate}",
        # Set, and equal to the default.
        "foreign: {upgrade: hold}\npriority: normal\non_conflict: refuse\nnotify: []",
        "health: {on_unknown: hold, baseline: record, checks: [{instances: ready, advisory: false, scope: service}]}",
        "waves: [{name: rest, select: rest, bake: 1s, bake_first: 1s, max_parallel_per: {region: 1}}]",
        "waves: [{name: a, select: 1, on_failure: {wave: rollback_all}}, {name: b, select: rest, needs: [a]}]",
        "windows: {open: [Mon 09:00-10:00 UTC], except: [2026-12-24], mid_service: hold}",
        "approve: {by: leads, before: last, within: 1h}\non_conflict: supersede\npriority: urgent\ndeadline: 1d",
        "health: {on_unknown: wait, baseline: require}",
        "notify: [{webhook: 'https://a.example', events: [started], format: teams}]",
        "health: {checks: [{http: 'https://a.example', final: true, scope: domain}]}",
        "health: {checks: [{command: smoke, json: true}, {metric: a < 1, moments: [bake]}, {python: a}]}",
    ],
)
def test_what_run_can_do_is_supported(folder: Any, more: str) -> None:
    assert told(folder, more) == []


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ("health: {checks: []}", "policy.yaml:7:10 health.checks: a policy without any check"),
    ],
)
def test_what_run_cannot_do_is_refused_at_its_place(folder: Any, more: str, path: str) -> None:
    (problem,) = told(folder, more)
    assert problem.startswith(path)


UPGRADE = "upgrade: {package: 'https://a.example/b', configuration: configs/web-01.cscfg"


@pytest.mark.parametrize(
    "change",
    [
        "status: suspended",
        "swap: {bake: 1s, keep_previous: 1s, barrier: rollout, together: true}",
        "configure: {slot: staging, configuration: configs/web-01.cscfg, treat_warnings_as_error: true, mode: auto}",
        "configure: {settings: {R/a: b}, properties: {A: b}, extensions: {all_roles: [a]}, instance_counts: file}",
        f"{UPGRADE}, role: WebRole1, mode: auto, properties: {{A: b}}, extensions: {{}}, instance_counts: file}}",
        f"{UPGRADE}, slot: staging}}, swap: {{bake: 1s}}",
    ],
)
def test_every_kind_of_change_is_supported(folder: Any, change: str) -> None:
    folder.write("policy.yaml", f"rollout: r\nfleet: fleet.yaml\nchange: {{{change}}}\n")
    assert told(folder, "") == []


@pytest.mark.parametrize("name", ["web", "configure", "settings", "staging-swap", "swap", "status"])
def test_every_example_but_the_full_one_is_supported(name: str) -> None:
    assert unsupported(load_policy(POLICIES / f"{name}.yaml")) == []


def test_every_supported_path_is_a_field() -> None:
    from rollout.policy.fields import all_fields

    assert SUPPORTED.keys() <= all_fields().keys()
