"""How a run ended, in words."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from rollout.cli.summary import SENTENCES_MAX, interrupted, summary
from rollout.core.change_plan import ChangePlan, ConfigurePlan, InstancePlan, StatusPlan, SwapPlan
from rollout.core.ending import Outcome
from rollout.core.names import Now, ServiceName
from rollout.core.operation import InstanceVerb
from rollout.core.phase import HeldForPerson, Queued
from rollout.core.result import ExitCode, Result
from rollout.core.service import ServiceRollout

NOW = Now(70.0, 1_700_000_000.0)
OK = Result(ExitCode.AS_ALLOWED, "succeeded", "all")

Make = Callable[..., ServiceRollout]


def by_name(*states: ServiceRollout) -> dict[ServiceName, ServiceRollout]:
    return {state.plan.service: state for state in states}


def test_a_clean_run_is_one_sentence(ended: Make) -> None:
    states = by_name(*(ended(Outcome.SUCCEEDED, f"svc-{number}") for number in range(12)))
    assert summary(OK, states, NOW) == "succeeded: 12 of 12 services run the new release."


@pytest.mark.parametrize(
    ("change", "one", "many"),
    [
        (ConfigurePlan(settings={"Web/A": "b"}), "has the new configuration", "have the new configuration"),
        (SwapPlan(0.0, 0.0), "serves what was in staging", "serve what was in staging"),
        (StatusPlan(running=True), "is running", "are running"),
        (StatusPlan(running=False), "is suspended", "are suspended"),
        (InstancePlan(InstanceVerb.REBUILD, "Web_IN_0"), "has Web_IN_0 rebuilt", "have Web_IN_0 rebuilt"),
    ],
)
def test_every_kind_of_change_has_its_own_words(change: ChangePlan, one: str, many: str, ended: Make) -> None:
    for count, words in ((1, f"1 of 1 service {one}"), (3, f"3 of 3 services {many}")):
        made = [ended(Outcome.SUCCEEDED, f"svc-{number}") for number in range(count)]
        states = by_name(*(replace(state, plan=replace(state.plan, change=change)) for state in made))
        assert summary(OK, states, NOW) == f"succeeded: {words}."


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        (Outcome.ROLLED_BACK, "svc-2 was rolled back because domain 1 failed."),
        (Outcome.FAILED, "svc-2 failed and nothing was changed: domain 1 failed."),
        (Outcome.SKIPPED, "svc-2 was skipped and nothing was touched: domain 1 failed."),
    ],
)
def test_each_service_that_did_not_arrive_has_its_sentence(outcome: Outcome, sentence: str, ended: Make) -> None:
    states = by_name(ended(Outcome.SUCCEEDED, "svc-1"), ended(outcome, "svc-2", "domain 1 failed"))
    result = Result(ExitCode.AS_ALLOWED, "succeeded with failures", "some")
    assert summary(result, states, NOW).splitlines() == [
        "succeeded with failures: 1 of 2 services runs the new release.",
        sentence,
    ]


def test_a_held_service_says_what_it_waits_for(service_in: Make) -> None:
    states = by_name(service_in(HeldForPerson("domain 1 failed", Queued()), "svc-1"))
    lines = summary(Result(ExitCode.FOR_PERSON, "waits for a person", "1 service"), states, NOW).splitlines()
    assert lines[1] == "svc-1 held: domain 1 failed; waits for a person, for 1m."


def test_a_halted_run_counts_what_was_not_started(ended: Make, service_in: Make) -> None:
    states = by_name(ended(Outcome.ROLLED_BACK, "svc-1", "red"), service_in(Queued(), "svc-2"))
    lines = summary(Result(ExitCode.WENT_BACK, "halted", "1 of 2 services failed"), states, NOW).splitlines()
    assert lines[0] == "halted: 0 of 2 services run the new release, 1 was not started."
    assert lines[1] == "It halted because 1 of 2 services failed."


def test_a_fleet_that_failed_as_a_whole_does_not_fill_the_screen(ended: Make) -> None:
    states = by_name(*(ended(Outcome.ROLLED_BACK, f"svc-{number}") for number in range(500)))
    lines = summary(Result(ExitCode.WENT_BACK, "halted", "all"), states, NOW).splitlines()
    assert len(lines) == SENTENCES_MAX + 3
    assert lines[-1] == f"… and {500 - SENTENCES_MAX} more; `-o json` lists them all."


def test_a_platforms_words_cannot_steer_the_terminal(ended: Make) -> None:
    states = by_name(ended(Outcome.ROLLED_BACK, "svc-1", "said \x1b[2J\nand more"))
    assert "because said \\x1b[2J and more." in summary(OK, states, NOW)


def test_a_stopped_run_says_where_it_stands(ended: Make, service_in: Make) -> None:
    states = by_name(ended(Outcome.SUCCEEDED, "svc-1"), service_in(Queued(), "svc-2"))
    assert interrupted(states, NOW) == "stopped with 1 done, 0 in flight, 1 queued, 0 failed."
