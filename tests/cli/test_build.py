"""What build systems are told: JUnit, annotations, outputs and a summary, with hostile text in them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result as Told
from lxml import etree

from rollout.cli.build import tell_build
from rollout.cli.build_words import ANNOTATIONS_MAX, ROWS_MAX, azure, github, markdown, outputs
from rollout.cli.junit import junit
from rollout.cli.verdict import Came, Case, Verdict, verdict_of
from rollout.core.ending import Outcome
from rollout.core.names import Now, ServiceName
from rollout.core.phase import HeldForPerson, Queued
from rollout.core.result import ExitCode, Result
from rollout.core.service import ServiceRollout

Make = Callable[..., ServiceRollout]
NOW = Now(70.0, 1_700_000_000.0)
HOSTILE = "100%, \x1b[31m]]>\n::stop-commands::x\n##vso[task.complete] <b>`&|\x00"


def case(came: Came, service: str = "svc-1", reason: str = "so it was") -> Case:
    return Case(service, "rest", came, came.value, reason, 1.5)


def verdict(*cases: Case, code: int = 3, reason: str = "one failed") -> Verdict:
    return Verdict("web-1", code, "halted", reason, cases)


def test_every_outcome_is_judged_and_every_wave_named(ended: Make, service_in: Make) -> None:
    states = {outcome: ended(outcome, f"svc-{number}") for number, outcome in enumerate(Outcome)}
    queued, held = service_in(Queued(), "svc-q"), service_in(HeldForPerson("domain 1 is red", Queued()), "svc-h")
    services = {state.plan.service: state for state in (*states.values(), queued, held)}
    waves = dict.fromkeys(services, "canary")
    result = Result(ExitCode.FOR_PERSON, "waits for a person", "1 service is held")
    judged = verdict_of("web-1", result, services, waves, NOW)
    by_name = {each.service: each for each in judged.cases}
    passed = {Outcome.SUCCEEDED, Outcome.UNCHANGED}
    failed = {Outcome.ROLLED_BACK, Outcome.SUSPENDED, Outcome.FAILED, Outcome.SKIPPED}
    for outcome, state in states.items():
        kind = Came.PASSED if outcome in passed else Came.FAILED if outcome in failed else Came.SKIPPED
        assert by_name[state.plan.service].came is kind
    assert by_name[ServiceName("svc-q")].came is Came.SKIPPED
    assert by_name[ServiceName("svc-h")].came is Came.UNFINISHED
    assert {each.wave for each in judged.cases} == {"canary"}
    assert by_name[ServiceName("svc-0")].took_s == 60.0


def test_the_junit_report_counts_and_names_what_failed() -> None:
    cases = [case(came, f"svc-{came.value}") for came in Came]
    suite = etree.fromstring(junit(verdict(*cases)).encode())[0]
    assert {str(name): str(value) for name, value in suite.attrib.items()} == {
        "name": "web-1", "tests": "4", "failures": "2", "errors": "0", "skipped": "1", "time": "6.000",
    }  # fmt: skip
    assert [each.get("classname") for each in suite.iter("testcase")] == ["web-1.rest"] * 4
    assert [each.get("name") for each in suite.iter("testcase") if each.find("failure") is not None] == [
        "svc-failed",
        "svc-unfinished",
    ]
    assert [each.get("message") for each in suite.iter("skipped")] == ["skipped: so it was"]


def test_hostile_text_stays_text_in_the_junit_report() -> None:
    root = etree.fromstring(junit(verdict(case(Came.FAILED, reason=HOSTILE))).encode())
    (failure,) = root.iter("failure")
    assert failure.get("message") == "failed: 100%, \\x1b[31m]]> ::stop-commands::x ##vso[task.complete] <b>`&|\\x00"


def test_hostile_text_gives_the_build_system_no_command() -> None:
    judged = verdict(case(Came.FAILED, "svc,1:2", HOSTILE), reason=HOSTILE)
    for line in github(judged):
        assert "\n" not in line
        assert line.startswith("::error title=web-1")
    assert github(judged)[0].startswith("::error title=web-1%3A svc%2C1%3A2 failed::100%25, ")
    for line in azure(judged):
        assert line.count("##vso[") == 1
        assert line.startswith("##vso[task.")
        assert "\n" not in line
    assert "<b>" not in markdown(judged)
    assert "\\|" in markdown(judged)


def test_tolerated_failures_are_warnings_and_the_rest_is_a_notice() -> None:
    lines = github(verdict(case(Came.PASSED), case(Came.FAILED, "svc-2"), code=0))
    assert [line.partition(" ")[0] for line in lines] == ["::warning", "::notice"]
    assert "type=error" not in "".join(azure(verdict(case(Came.FAILED), code=0)))


def test_a_fleet_that_failed_as_a_whole_is_cut_short_and_counted() -> None:
    judged = verdict(*(case(Came.FAILED, f"svc-{number}") for number in range(ROWS_MAX + 20)))
    lines = github(judged)
    assert len(lines) == ANNOTATIONS_MAX + 2
    assert lines[-2] == f"::error title=web-1::{ROWS_MAX + 20 - ANNOTATIONS_MAX} more; see the summary"
    assert f"{ROWS_MAX + 20 - ANNOTATIONS_MAX} more" in "".join(azure(judged))
    assert "and 20 services more" in markdown(judged)
    assert len(markdown(judged)) < 1 << 20


def test_the_summary_shows_what_needs_an_eye_first() -> None:
    text = markdown(verdict(case(Came.PASSED, "a"), case(Came.UNFINISHED, "b"), case(Came.FAILED, "c")))
    assert [line.split(" ")[1] for line in text.splitlines() if line.startswith("| ")] == ["service", "c", "b", "a"]
    assert text.startswith("### ⏳ web-1")
    assert markdown(verdict(case(Came.FAILED), code=3)).startswith("### ❌")
    assert markdown(verdict(code=0)).startswith("### ✅")


def test_github_gets_annotations_outputs_and_a_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environ = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(tmp_path / "out"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }
    judged = verdict(case(Came.FAILED))
    tell_build(judged, None, environ)
    out, err = capsys.readouterr()
    assert (out, err.splitlines()) == ("", github(judged))
    said = dict(line.split("=", 1) for line in (tmp_path / "out").read_text(encoding="utf-8").splitlines())
    assert said == outputs(judged)
    assert said["outcome"] == "halted"
    assert (tmp_path / "summary").read_text(encoding="utf-8") == markdown(judged)


def test_azure_gets_annotations_variables_and_a_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judged = verdict(case(Came.FAILED))
    tell_build(judged, None, {"TF_BUILD": "True", "AGENT_TEMPDIRECTORY": str(tmp_path)})
    lines = capsys.readouterr().err.splitlines()
    assert lines[:-1] == azure(judged)
    assert "##vso[task.setvariable variable=code;isOutput=true]3" in lines
    command, _, file = lines[-1].partition("]")
    assert command == "##vso[task.uploadsummary"
    assert Path(file).read_text(encoding="utf-8") == markdown(judged)


def test_files_that_cannot_be_written_do_not_change_how_it_came_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = str(tmp_path / "nowhere" / "file")
    github_too = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": nowhere, "GITHUB_STEP_SUMMARY": ""}
    tell_build(verdict(), None, github_too | {"TF_BUILD": "True", "AGENT_TEMPDIRECTORY": nowhere})
    err = capsys.readouterr().err
    assert f"{nowhere} cannot be written" in err
    assert "uploadsummary" not in err


def test_outside_of_a_build_system_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    tell_build(verdict(case(Came.FAILED)), None, {})
    assert capsys.readouterr() == ("", "")


def test_a_run_writes_its_report_and_annotates_what_failed(
    *,
    invoke: Callable[..., Told],
    policy: Callable[..., Path],
    take: Callable[[int], list[str]],
    faults: Callable[..., None],
    endpoint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services = take(1)
    faults({"service": services[0], "verb": "walk", "domain": 0, "effect": "fail", "times": 1})
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    file = tmp_path / "junit.xml"
    where = ("--endpoint", endpoint, "--state", tmp_path / "state")
    told = invoke("run", "-f", policy(services), *where, "--junit", file, "-o", "json")
    assert told.exit_code == 3, told.stderr
    assert json.loads(told.stdout)["outcome"] == "halted"
    assert f"::error title=web-2.4.1%3A {services[0]} rolled_back::" in told.stderr
    suite = etree.fromstring(file.read_bytes())[0]
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    assert services[0] in (tmp_path / "summary.md").read_text(encoding="utf-8")
