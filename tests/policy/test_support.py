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


def test_the_full_example_is_refused_field_by_field() -> None:
    problems = unsupported(load_policy(POLICIES / "full.yaml"))
    assert len(problems) > 20
    assert all("not supported yet by `run`" in problem.message and problem.line for problem in problems)


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
        "waves: [{name: rest, select: rest, bake: 0s, max_parallel_per: {}}]",
        "health: {on_unknown: wait, baseline: require}",
        "health: {checks: [{http: 'https://a.example', final: true, scope: domain}]}",
        "health: {checks: [{command: smoke, json: true}, {metric: a < 1, moments: [bake]}, {python: a}]}",
    ],
)
def test_what_run_can_do_is_supported(folder: Any, more: str) -> None:
    assert told(folder, more) == []


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ("deadline: 1d", "policy.yaml:7:11 deadline: `deadline` is not supported yet by `run`"),
        ("on_failure: {wave: rollback_all}", "policy.yaml:7:20 on_failure.wave: `wave` is not supported"),
        (
            "waves: [{name: a, select: web-01}]",
            "policy.yaml:7:27 waves[0].select: this value is not supported yet by `run`; supported: rest",
        ),
        ("waves: [{name: a, select: rest, bake: 1s}]", "policy.yaml:7:39 waves[0].bake: `bake` is not supported"),
        ("health: {checks: []}", "policy.yaml:7:10 health.checks: a policy without any check"),
        ("windows: [Mon 09:00-10:00 UTC]", "policy.yaml:7:1 windows: `windows`"),
        ("rollback: {max_parallel: 3}", "policy.yaml:7:26 rollback.max_parallel: `max_parallel`"),
    ],
)
def test_what_run_cannot_do_is_refused_at_its_place(folder: Any, more: str, path: str) -> None:
    (problem,) = told(folder, more)
    assert problem.startswith(path)


def test_a_second_wave_is_refused(folder: Any) -> None:
    assert any(
        "waves[1]: more than one wave" in line
        for line in told(folder, "waves: [{name: a, select: 1}, {name: b, select: rest}]")
    )


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


def test_needs_and_pairs_of_services_are_refused_in_the_fleet_file(folder: Any) -> None:
    folder.write(
        "fleet.yaml",
        "subscription: 00000000-0000-4000-8000-000000000001\n"
        "services:\n  web-01: {}\n  web-02: {needs: [web-01], paired: [web-01]}\n",
    )
    assert [line.partition(":")[0:3:2] for line in told(folder, "")] == [
        ("fleet.yaml", "4:12 services.web-02.needs: `needs` is not supported yet by `run`; supported here: tags"),
        ("fleet.yaml", "4:29 services.web-02.paired: `paired` is not supported yet by `run`; supported here: tags"),
    ]


def test_every_supported_path_is_a_field() -> None:
    from rollout.policy.fields import all_fields

    assert SUPPORTED.keys() <= all_fields().keys()
