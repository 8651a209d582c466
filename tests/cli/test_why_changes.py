"""What is said of each kind of change, forward and back: why, since when, what frees it, what happens at which time."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from rollout.core.change_plan import ChangePlan, RollbackPlan, StatusPlan, SwapPlan, UpgradePlan
from rollout.core.event import Verdict
from rollout.core.mark import Mark
from rollout.core.names import Digest, Now
from rollout.core.operation import Mode, Operation, SetStatus, SwapSlots, Walk
from rollout.core.outcome import Handle
from rollout.core.phase import (
    Applying,
    Call,
    Gate,
    Phase,
    Ready,
    Reconciling,
    Reverting,
    RollingBack,
    Settling,
    Step,
    Suspending,
    SwapBaking,
    Swapping,
    SwappingBack,
    Walking,
)
from rollout.core.service import ServiceRollout
from rollout.core.snapshot import Before
from rollout.core.way_back import way_back
from rollout.views.reading import Read
from rollout.views.tell import sentence

UPGRADE = UpgradePlan(Digest("0" * 64), "https://store.example/web.cspkg", Digest("1" * 64), "web-1")
SWAP = SwapPlan(600.0, 3600.0)
STAGED = replace(SWAP, upgrade=UPGRADE)
SUSPEND = StatusPlan(running=False)
NOW = Now(20.0, 1_700_000_000.0)
SINCE = "since 2023-11-14 22:13:10Z (10s)"
STEP = Step(began_t=10.0)
BACK = {"turned_back": True, "failure": "domain 4 is sick", "mark": Mark(token="[ro:0123456789ab]")}  # noqa: S106 - a mark
SWAPPED_BACK = {"swapped": True, "acted": True, "turned_back": True, "failure": "unhealthy for 120 s"}


def asked(operation: Operation) -> Call:
    return Call(3, operation, 11.0, 120.0, Handle("sub", "a" * 32), 12.0)


def gate(verdict: Verdict) -> Gate:
    return Gate(10.0, verdict, 15.0)


SWAPS = asked(SwapSlots("old", "new"))
SAID: list[tuple[ChangePlan, Phase, dict[str, Any], str, str]] = [
    (
        SWAP,
        Swapping(STEP, SWAPS),
        {},
        f"waits for the swap, which is under way, {SINCE}; gives up (operation_timeout.swap) at 2023-11-14 22:28:10Z",
        "swap back",
    ),
    (
        STAGED,
        Swapping(STEP),
        {},
        (
            f"waits until the others of its wave are upgraded, before the swap, {SINCE}; "
            "freed by the last of its group, or by rollback; nothing happens by itself"
        ),
        "rollback of staging → swap back",
    ),
    (
        SWAP,
        SwapBaking(4, gate(Verdict.PASS)),
        {"swapped": True},
        f"bakes after the swap, {SINCE}; the bake ends at 2023-11-14 22:23:10Z",
        "swap back",
    ),
    (
        SWAP,
        SwapBaking(4, gate(Verdict.FAIL)),
        {"swapped": True},
        f"is not healthy in the bake after the swap, {SINCE}; the bake fails at 2023-11-14 22:23:15Z",
        "swap back",
    ),
    (
        SWAP,
        Ready(5, STEP),
        {"swapped": True},
        f"looks whether production still runs it, {SINCE}; gives up (walk.domain_timeout) at 2023-11-14 22:58:10Z",
        "swap back",
    ),
    (
        SWAP,
        SwappingBack(STEP, SWAPS),
        SWAPPED_BACK,
        (
            f"waits for the swap back, which is under way (unhealthy for 120 s), {SINCE}; "
            "needs an operator (operation_timeout.swap) at 2023-11-14 22:28:10Z"
        ),
        "under way: swap back",
    ),
    (
        SWAP,
        Reconciling(replace(STEP, last_error="dropped"), SWAPS, 130.0, Swapping(STEP)),
        {},
        (
            f"waits until the swap whose answer was lost can no longer be in flight (dropped), {SINCE}; "
            "looks at the deployment at 2023-11-14 22:15:10Z"
        ),
        "swap back",
    ),
    (
        UPGRADE,
        RollingBack(STEP),
        BACK,
        (
            f"looks before the rollback (domain 4 is sick), {SINCE}; "
            "needs an operator (rollback.timeout) at 2023-11-14 23:13:10Z"
        ),
        "under way: rollback",
    ),
    (
        UPGRADE,
        Reverting(Walking(1, STEP, asked(Walk(1)))),
        BACK,
        (
            f"reverts (domain 4 is sick): domain 1, {SINCE}; "
            "needs an operator (walk.domain_timeout) at 2023-11-14 22:58:10Z"
        ),
        "under way: revert to web-0",
    ),
    (
        UPGRADE,
        Suspending(STEP, asked(SetStatus(running=False))),
        BACK | {"suspends": True},
        (
            f"waits for the suspension, which is under way (domain 4 is sick), {SINCE}; "
            "needs an operator (operation_timeout.status) at 2023-11-14 22:43:10Z"
        ),
        "under way: suspension",
    ),
    (
        SUSPEND,
        Applying(STEP, asked(SetStatus(running=False))),
        {},
        (
            f"waits for the suspension, which is under way, {SINCE}; "
            "gives up (operation_timeout.status) at 2023-11-14 22:43:10Z"
        ),
        "start",
    ),
    (
        replace(UPGRADE, mode=Mode.AUTO),
        Settling(4, STEP),
        {},
        (
            f"waits for the deployment to settle, {SINCE}; "
            "gives up (walk.domain_timeout for each domain) at 2023-11-15 02:28:10Z"
        ),
        "rollback → revert to web-0",
    ),
]


@pytest.mark.parametrize("case", SAID, ids=[f"{type(each[1]).__name__}-{each[4]}" for each in SAID])
def test_each_kind_of_change_says_what_it_does_and_what_happens_when(
    service_in: Callable[..., ServiceRollout], case: tuple[ChangePlan, Phase, dict[str, Any], str, str]
) -> None:
    change, phase, more, said, back = case
    before = Before("svc-0001-production", "web-0", 5, {"WebRole1": 5}, configuration=Digest("2" * 64))
    state = service_in(phase, before=before, **more)
    given = RollbackPlan(package=Digest("9" * 64), package_shown="https://store.example/web-0.cspkg")
    state = replace(state, plan=replace(state.plan, change=change, rollback=given))
    nobody: Any = None
    read = Read(nobody, {}, NOW, NOW, entries={state.plan.service: []})

    text = sentence(read, state)

    assert text.startswith(f"svc-0001 {said}"), text
    assert way_back(state) == back


def test_an_upgrade_without_anything_to_revert_to_says_where_its_way_back_ends(
    service_in: Callable[..., ServiceRollout],
) -> None:
    assert way_back(service_in(Ready(1, STEP))) == "rollback while in progress, none after the last domain"
