"""Whatever is called in whatever order, the fabric keeps its promises."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollout.emulator import state
from rollout.emulator.refusals import Refusal
from rollout.platforms.classic.vocabulary import Mode, Slot

MODES = st.sampled_from(list(Mode))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.floats(0, 800)),
        st.tuples(st.just("wait"), st.sampled_from([0.0, 31.0, 600.0])),
        st.tuples(st.just("upgrade"), MODES),
        st.tuples(st.just("walk"), st.integers(0, 3)),
        st.tuples(st.just("walk on"), st.none()),
        st.tuples(st.just("rollback"), st.sampled_from([Mode.AUTO, Mode.MANUAL])),
        st.tuples(st.just("status"), st.booleans()),
        st.tuples(st.just("fault"), st.sampled_from(["fail", "stuck", "sick"])),
    ),
    max_size=30,
)
KNOBS = st.fixed_dictionaries(
    {
        "settle_lag_s": st.sampled_from([0.0, 50.0]),
        "manual_op_done": st.sampled_from(["accept", "last_walk"]),
        "label_flip": st.sampled_from(["accept", "first_walk", "end"]),
        "rollback_pointer": st.sampled_from(["restart", "resume"]),
        "walk_done_domain": st.sampled_from([400, "accept"]),
        "accept_delay_s": st.sampled_from([None, 0.0, 40.0]),
    },
)
SLOW = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def act(stage: Any, step: tuple[str, Any]) -> None:
    """Do one step; a refusal is an answer like any other."""
    name, value = step
    with suppress(Refusal):
        match name:
            case "wait":
                stage.wait(value)
            case "upgrade":
                stage.upgrade(value, label=f"web-{stage.given}")
            case "walk":
                stage.walk(value)
            case "walk on":
                change = stage.deployment.change
                stage.walk(change.pointer if change else 0)
            case "rollback":
                stage.rollback(value)
            case "status":
                stage.fabric.set_running(stage.target, stage.next_id(), running=value)
            case "fault":
                stage.fault(effect=value)
            case _:
                pytest.fail(f"no step is called {name}")


def direction(stage: Any) -> tuple[object, ...] | None:
    """Give what stays equal while one change goes in one direction: identity, direction, pointer."""
    change = stage.deployment.change
    return None if change is None else (id(change), change.back, change.operation.id)


@SLOW
@given(steps=STEPS, knobs=KNOBS)
def test_no_sequence_of_calls_breaks_an_invariant(make_stage: Any, steps: list[Any], knobs: dict[str, Any]) -> None:
    stage = make_stage(**knobs)
    before, pointer, kept = None, -1, []
    for step in steps:
        act(stage, step)
        deployment, change, now = stage.deployment, stage.deployment.change, stage.fabric.now()
        kept.append(change)  # alive, so that no later change has its identity
        if change is not None:
            assert change.pointer in range(deployment.domain_count)
            assert direction(stage) != before or change.pointer >= pointer
            pointer = change.pointer
            assert deployment.status not in {"Running", "Suspended"}
        else:
            assert not deployment.rollback_possible
            assert deployment.shown == deployment.release
            assert {each.release for each in deployment.instances} == {deployment.release}
        before = direction(stage)
        if change is not None and change.mode is Mode.MANUAL and not change.finished:
            down = {
                each.domain
                for each in deployment.instances
                if now < each.ready_at < float("inf") and each.release is change.target and not change.back
            }
            assert len(down) <= 1
        for operation in stage.fabric.world.operations.values():
            assert (operation.completed_at is None) == (operation.status == "InProgress")
            assert (operation.error is not None) == (operation.status == "Failed")
    numbers = [entry.n for entry in stage.fabric.log()]
    dates = [entry.at for entry in stage.fabric.log()]
    assert numbers == list(range(len(numbers)))
    assert dates == sorted(dates)


@SLOW
@given(steps=STEPS, knobs=KNOBS, cuts=st.integers(2, 9))
def test_looking_often_changes_nothing(make_stage: Any, steps: list[Any], knobs: dict[str, Any], cuts: int) -> None:
    rare, often = make_stage(**knobs), make_stage(**knobs)
    for step in steps:
        act(rare, step)
        if step[0] == "wait":
            start = often.clock.at
            for part in range(1, cuts):
                often.clock.at = start + step[1] * part / cuts
                often.fabric.now()
            often.clock.at = start + step[1]
        else:
            act(often, step)
    assert state.state(rare.fabric) == state.state(often.fabric)
    assert state.log(rare.fabric) == state.log(often.fabric)


@SLOW
@given(order=st.permutations([0, 0, 0, 0, 1, 1, 1, 1]))
def test_what_happens_to_one_slot_does_not_depend_on_the_order_of_others(make_stage: Any, order: list[int]) -> None:
    from dataclasses import replace

    stage = make_stage(services=2, staging=True, accept_delay_s=0)
    targets = [stage.target, replace(stage.target, slot=Slot.STAGING)]
    lasted: dict[int, list[float]] = {0: [], 1: []}
    done = [0, 0]
    for which in order:
        stage.target = targets[which]
        operation = stage.upgrade() if done[which] == 0 else stage.walk(done[which] - 1)
        stage.wait(600).fabric.now()
        done[which] += 1
        lasted[which].append(operation.completed_at - operation.started_at)
    alone = make_stage(services=2, staging=True, accept_delay_s=0)
    for which in (0, 1):
        alone.target = targets[which]
        expected = [alone.upgrade()]
        alone.wait(600).fabric.now()
        for domain in range(3):
            expected.append(alone.walk(domain))
            alone.wait(600).fabric.now()
        assert [round(seconds, 6) for seconds in lasted[which]] == [
            round(each.completed_at - each.started_at, 6) for each in expected
        ]
