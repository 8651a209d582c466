"""Data for programs: one line of JSON for each entry, one document for a run."""

import json
from collections.abc import Callable

import pytest

from rollout.cli.lines import document, entry_line
from rollout.core import event, fleet_event
from rollout.core.ending import Outcome
from rollout.core.event import Entry, Fact
from rollout.core.names import Digest, Now, RolloutId, ServiceName, StreamName
from rollout.core.operation import StartUpgrade
from rollout.core.outcome import RefusedKind
from rollout.core.phase import Queued
from rollout.core.result import ExitCode, Result
from rollout.core.service import ServiceRollout
from rollout.journal.journal import Recorded
from rollout.views.words import milestone

Make = Callable[..., ServiceRollout]


def recorded(fact: Fact, stream: str = "web-1/svc-0001#1") -> Recorded:
    return Recorded(7, Entry(StreamName(stream), 3, Now(12.34567891, 1_700_000_000.25), "engine", fact), "0" * 64)


def test_a_line_is_the_entry_with_its_facts_own_fields() -> None:
    line = entry_line(recorded(event.Refused(2, RefusedKind.BUSY, "locked\nby another", 1.5)))
    assert "\n" not in line
    assert json.loads(line) == {
        "position": 7,
        "stream": "web-1/svc-0001#1",
        "version": 3,
        "t": 12.345679,
        "time": "2023-11-14T22:13:20.250+00:00",
        "actor": "engine",
        "kind": "refused",
        "fact": {"number": 2, "kind": "busy", "error": "locked\nby another", "retry_in_s": 1.5},
    }


def test_a_nested_operation_keeps_its_tag() -> None:
    fact = event.Intended(1, StartUpgrade(Digest("a"), Digest("b"), "web-1 [ro:1]", {"WebRole1": 5}), 120.0)
    assert json.loads(entry_line(recorded(fact)))["fact"]["operation"]["type"] == "upgrade"


def test_a_document_lists_every_service(ended: Make, service_in: Make) -> None:
    states = [ended(Outcome.ROLLED_BACK, "svc-1", "domain 1 failed"), service_in(Queued(), "svc-2", before=None)]
    services = {ServiceName(state.plan.service): state for state in states}
    result = Result(ExitCode.WENT_BACK, "halted", "1 of 2 services failed")
    read = json.loads(document(RolloutId("web-1"), result, result.code, services, Now(70.0, 0.0)))
    assert (read["rollout"], read["outcome"], read["code"]) == ("web-1", "halted", 3)
    first, second = read["services"]
    assert (first["service"], first["outcome"], first["reason"]) == ("svc-1", "rolled_back", "domain 1 failed")
    assert (second["outcome"], second["phase"], second["domains"]) == (None, "queued", 0)


def test_a_document_of_a_stopped_run_says_so(service_in: Make) -> None:
    services = {ServiceName("svc-0001"): service_in(Queued())}
    read = json.loads(document(RolloutId("web-1"), None, 130, services, Now(70.0, 0.0)))
    assert (read["outcome"], read["code"]) == ("interrupted", 130)


@pytest.mark.parametrize(
    ("fact", "stream", "line"),
    [
        (event.Admitted("rest"), "web-1/svc-0001#1", "svc-0001: begins"),
        (event.TurnedBack("red\x1b"), "web-1/svc-0001#1", "svc-0001: goes back: red\\x1b"),
        (event.HeldOnFailure("red"), "web-1/svc-0001#1", "svc-0001: waits for a person: red"),
        (event.Escalated("unclear"), "web-1/svc-0001#1", "svc-0001: waits for a person: unclear"),
        (event.TakenOver("theirs"), "web-1/svc-0001#1", "svc-0001: theirs"),
        (event.Closed(Outcome.SUCCEEDED, "policy", "all"), "web-1/svc-0001#1", "svc-0001: succeeded: all"),
        (fleet_event.WaveOpened("rest"), "web-1", "web-1: wave rest opened"),
        (fleet_event.Halted("rest", "too many"), "web-1", "web-1: halted, nothing new starts: too many"),
        (fleet_event.RolloutClosed(0, "all"), "web-1", "web-1: closed: all"),
        (event.Succeeded(2), "web-1/svc-0001#1", None),
    ],
)
def test_milestones_are_lines_of_words(fact: Fact, stream: str, line: str | None) -> None:
    assert milestone(recorded(fact, stream)) == line
