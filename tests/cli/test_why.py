"""`why`, `get` and `list` on a journal written by hand: what is said, since when, what frees it, and in which words."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from msgspec.structs import replace

from rollout.core import event, fleet_event
from rollout.core.ending import Outcome
from rollout.core.event import Evidence, Finding, HoldReason, ServiceFact, Verdict
from rollout.core.evolve import evolve
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.names import Digest, Now, RolloutId, ServiceName, StreamName
from rollout.core.operation import StartUpgrade, Walk
from rollout.core.outcome import Handle, RefusedKind
from rollout.core.phase import Queued
from rollout.core.plan import RolloutPlan, ServicePlan, WavePlan
from rollout.core.service import ServiceRollout
from rollout.core.snapshot import Before, Sighting
from rollout.journal.ledger import Ledger
from rollout.journal.sqlite import SqliteJournal
from rollout.journal.state import StateDirectory

Invoke = Callable[..., Result]
Write = Callable[..., None]

HANDLE = "048a99ad8aebc08265f25e0000000045"
RED = (Evidence("instances", Verdict.FAIL, "domain 0: 1 of 2 instances is not ready"),)

BEGUN: tuple[ServiceFact, ...] = (
    event.Preflighted(
        Before("dep", "web-0", 3, {"Web": 3}),
        Sighting("web-0", "Running", locked=False, pointer=None, during=False, ready=3, instances=3),
    ),
    event.Intended(1, StartUpgrade(Digest("0" * 64), Digest("1" * 64), "web-1 [ro:0123456789ab]", {"Web": 3}), 120.0),
    event.Accepted(1, Handle("sub", "first")),
    event.Succeeded(1),
)
WALKED: tuple[ServiceFact, ...] = (
    *BEGUN,
    event.Intended(2, Walk(0), 120.0),
    event.Refused(2, RefusedKind.BUSY, "ConflictError: the deployment is locked", 1.0),
    event.Intended(3, Walk(0), 120.0),
    event.Accepted(3, Handle("sub", HANDLE)),
    event.Succeeded(3),
    event.Observed(Finding.SETTLED, "domain 0 runs the new release"),
)
PASSED: tuple[ServiceFact, ...] = (
    *WALKED,
    event.GatePassed(0, (replace(RED[0], verdict=Verdict.PASS, detail="all well"),)),
)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def write(state: Path, service_in: Callable[..., ServiceRollout]) -> Write:
    """Write a rollout of services, each with its facts, as an engine would have; it was heard `ago_s` ago."""

    async def recorded(
        facts: dict[str, Sequence[ServiceFact]],
        fleet: Sequence[fleet_event.FleetFact],
        ago_s: float,
        rollout: str,
        says: str,
    ) -> None:
        names = tuple(ServiceName(name) for name in facts)
        plans = {name: replace(service_in(Queued(), name).plan, rollout=RolloutId(rollout)) for name in names}
        now = Now(100.0, time.time() - ago_s)
        with StateDirectory.open(state, command="test", started_wall=0.0) as held:
            async with SqliteJournal.opened(held.journal) as journal:
                ledger = Ledger(journal, evolve, evolve_fleet)
                async with ledger.opened():
                    drafts = list(_drafts(rollout, plans, facts))
                    await ledger.put([*drafts, *((StreamName(rollout), fact) for fact in fleet)], now=now, actor="t")
                    await journal.beat(now, says)

    def run(
        facts: dict[str, Sequence[ServiceFact]],
        *fleet: fleet_event.FleetFact,
        ago_s: float = 1.0,
        rollout: str = "web-1",
        says: str = "",
    ) -> None:
        asyncio.run(recorded(facts, fleet, ago_s, rollout, says))

    return run


def _drafts(rollout: str, plans: dict[ServiceName, ServicePlan], facts: dict[str, Sequence[ServiceFact]]) -> Any:
    own = StreamName(rollout)
    wave = WavePlan("rest", tuple(plans), 5, 5, strict=False)
    yield own, fleet_event.RolloutOpened(RolloutPlan(RolloutId(rollout), Digest("0" * 64), Digest("1" * 64), (wave,)))
    for name, plan in plans.items():
        yield StreamName(f"{rollout}/{name}#1"), event.Opened(plan, 1)
    yield own, fleet_event.WaveOpened("rest")
    for service, told in facts.items():
        stream = StreamName(f"{rollout}/{service}#1")
        if told:
            yield stream, event.Admitted("rest")
            yield own, fleet_event.ServiceAdmitted(ServiceName(service))
        for fact in told:
            yield stream, fact
            if isinstance(fact, event.Closed):
                yield own, fleet_event.ServiceEnded(ServiceName(service), fact.outcome)


@pytest.fixture
def ask(invoke: Invoke, state: Path) -> Invoke:
    return lambda *words: invoke(*words, "--state", state)


def test_why_names_a_hold_who_since_when_and_what_frees_it(write: Write, ask: Invoke) -> None:
    write({"svc-1": [*PASSED, event.Held(HoldReason.PAUSE, "ann", "lunch")]})
    said = ask("why", "web-1/svc-1").stdout
    assert said.startswith("svc-1 held before domain 1 (pause by ann: lunch), since 20")
    assert said.endswith("; freed by resume, rollback; nothing happens by itself.\n")


def test_why_names_what_happens_at_which_time_if_nothing_does(write: Write, ask: Invoke) -> None:
    write({"svc-1": [*WALKED, event.Probed(0, Verdict.FAIL, RED)]})
    said = ask("why", "web-1/svc-1").stdout
    assert said.startswith("svc-1 domain 0 is not healthy, since 20")
    assert "; the gate fails at 20" in said
    assert said.endswith("Z if nothing else happens.\n")


@pytest.mark.parametrize(
    ("fact", "freed"),
    [
        (event.HeldOnFailure("domain 0 is sick"), "retry, rollback, resolve"),
        (event.Escalated("it cannot be told"), "retry, rollback, resolve"),
        (event.TakenOver("a stranger"), "retry, resolve, exclude"),
        (event.Stopped("ann", "wait"), "resume, rollback"),
    ],
)
def test_why_names_the_words_that_move_what_waits_for_a_person(
    write: Write, ask: Invoke, fact: ServiceFact, freed: str
) -> None:
    write({"svc-1": [*PASSED, fact]})
    assert f"; freed by {freed}; nothing happens by itself." in ask("why", "web-1/svc-1").stdout


def test_why_of_a_rollout_counts_and_speaks_of_whoever_has_not_ended(write: Write, ask: Invoke) -> None:
    closed = event.Closed(Outcome.SKIPPED, "engine", "no such deployment")
    facts = {
        "svc-1": WALKED,
        "svc-2": (),
        "svc-3": [closed],
        "svc-4": [*PASSED, event.TurnedBack("ann said so", "ann")],
    }
    write(facts, fleet_event.Halted("rest", "wait for bob", "ann"))
    said = ask("why", "web-1").stdout.splitlines()
    assert said[0] == (
        "web-1: 1 in flight, 1 queued, 1 going back, 1 ended otherwise; halted by ann: wait for bob (freed by resume)"
    )
    assert [line.split()[0] for line in said[1:]] == ["svc-1", "svc-2", "svc-4"]


def test_why_says_when_nobody_is_at_work(write: Write, ask: Invoke) -> None:
    write({"svc-1": [*WALKED, event.Probed(0, Verdict.FAIL, RED)]}, ago_s=3600.0)
    said = ask("why", "web-1/svc-1").stdout
    assert "some time after an engine runs again" in said
    assert "No engine was heard since 20" in said


def test_why_says_where_calls_wait_for_their_turn(write: Write, ask: Invoke) -> None:
    write({"svc-1": WALKED}, says="sub passes 2 reads/s (throttled 12 s ago); 14 wait")
    assert (
        "Calls wait for their turn: sub passes 2 reads/s (throttled 12 s ago); 14 wait." in ask("why", "web-1").stdout
    )


def test_get_shows_phase_domains_way_back_gate_operation_and_error(write: Write, ask: Invoke) -> None:
    write({"svc-1": [*PASSED, event.HeldOnFailure("domain 0 is sick")]})
    said = ask("get", "web-1/svc-1").stdout
    for line in (
        "svc-1: held, 1 of 3 domains walked",
        "    way back: rollback while in progress, none after the last domain",
        "instances pass: all well",
        f"    operation: {HANDLE} (048a99ad-8aeb-c082-65f2-5e0000000045)",
        "    last error: ConflictError: the deployment is locked",
    ):
        assert line in said


def test_get_shows_the_way_back_to_be_gone_after_the_last_domain(write: Write, ask: Invoke) -> None:
    single = replace(BEGUN[0], before=Before("dep", "web-0", 1, {"Web": 3}))
    write({"svc-1": [single, *WALKED[1:]]})
    assert "way back: none: the last domain was walked" in ask("get", "web-1").stdout


def test_json_has_the_same_and_the_answer_to_every_word(write: Write, ask: Invoke) -> None:
    write({"svc-1": [*PASSED, event.Held(HoldReason.PAUSE, "ann", "lunch")], "svc-2": ()})
    got = json.loads(ask("get", "web-1", "-o", "json").stdout)
    assert (got["running"], got["closed"], [each["phase"] for each in got["services"]]) == (
        True,
        False,
        ["ready", "queued"],
    )
    whole = json.loads(ask("get", "web-1/svc-1", "-o", "json").stdout)["services"]
    assert whole[0]["operation"] == {"id": HANDLE, "dashed": "048a99ad-8aeb-c082-65f2-5e0000000045"}
    why = json.loads(ask("why", "web-1/svc-1", "-o", "json").stdout)
    words = why["services"][0]["words"]
    assert {verb for verb, said in words.items() if said["answer"] == "accepted"} == {
        "claim",
        "resume",
        "stop",
        "rollback",
    }
    assert words["retry"]["instead"]


def test_list_shows_every_rollout_and_those_that_wait_for_a_person(write: Write, ask: Invoke) -> None:
    write({"svc-1": WALKED})
    write({"svc-2": [*PASSED, event.Stopped("ann", "wait")]}, rollout="web-2")
    assert [line.split(":")[0] for line in ask("list").stdout.splitlines()] == ["web-1", "web-2"]
    assert ask("list", "--attention").stdout == "web-2: 1 waiting for a person\n"
    listed = json.loads(ask("list", "-o", "json").stdout)
    assert [each["attention"] for each in listed] == [False, True]


@pytest.mark.parametrize("verb", ["why", "get"])
def test_what_is_not_there_is_64_with_what_is(write: Write, ask: Invoke, verb: str) -> None:
    write({"svc-1": WALKED})
    for target, said in (("web-9/x", "did you mean web-1?"), ("web-1/svc-9", "no service svc-9")):
        told = ask(verb, target)
        assert told.exit_code == 64
        assert said in told.stderr


def test_reading_leaves_a_running_engine_alone(write: Write, ask: Invoke, state: Path) -> None:
    write({"svc-1": WALKED})
    with StateDirectory.open(state, command="rollout run", started_wall=0.0):
        assert ask("why", "web-1").exit_code == 0
        assert ask("get", "web-1").exit_code == 0
        assert ask("list").exit_code == 0
