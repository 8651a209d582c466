"""Each change, each step that can fail, each `on_failure`: it ends as the policy says, by the fabric's own word."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

WALKS = "walk0 walk1 walk2"
WAYS = {
    "upgrade": f"upgrade {WALKS}",
    "upgrade_auto": "upgrade",
    "upgrade_simultaneous": "upgrade",
    "configure": f"config {WALKS}",
    "configure_file": f"config {WALKS}",
    "configure_auto": "config",
    "swap": "swap",
    "swap_into_empty": "swap",
    "staged_swap": f"upgrade {WALKS} swap",
    "created_swap": "create swap",
    "suspend": "status",
    "start": "status",
}
"""Everything that is done by a change with which nothing goes wrong."""
NEW_IN_PRODUCTION = {"swap", "swap_into_empty", "suspend", "start"}
"""Changes that bring nothing new; every other one leaves each instance of production new."""
POLICIES = ("rollback", "hold", "suspend")


class Case(NamedTuple):
    """One step of one change that fails, and what the log holds then."""

    kind: str
    step: str
    so_far: str | None
    """What had been done by then; None = nothing was changed, whatever the policy says."""
    back: str | None
    """What going back adds to the log; None = there is no way back."""
    says: str
    """What the sentence about it names."""
    faults: tuple[dict[str, Any], ...] = ()
    dies_at: str = ""
    """The phase at which an instance goes down for good, for `dies_in`."""
    dies_in: str = "production"
    way_back: str = "none"
    suspension: str = "status"
    """What suspending adds to the log."""


def fault(verb: str, effect: str, domain: int | None = None, **more: Any) -> dict[str, Any]:
    return {"verb": verb, "effect": effect} | ({} if domain is None else {"domain": domain}) | more


def so_far(kind: str, calls: int) -> str:
    return " ".join(WAYS[kind].split()[:calls])


def _begins() -> Iterator[Case]:
    for kind, way in WAYS.items():
        verb = way.split()[0]
        yield Case(kind, "first call refused", None, None, "refused the", (fault(verb, "307"),))
        yield Case(kind, "first operation failed", None, None, "InternalError", (fault(verb, "fail"),))
    yield Case(
        "upgrade", "copy refused", None, None, "copy of the old package", (fault("package", "307"),), way_back="copy"
    )
    yield Case(
        "upgrade", "copy failed", None, None, "copy of the old package", (fault("package", "fail"),), way_back="copy"
    )


LAST_BACK = {"upgrade": None, "configure": f"config {WALKS}", "staged_swap": ""}
"""What going back adds once the last domain was walked: staging keeps what it has, for production was never touched."""


def _walks() -> Iterator[Case]:
    for kind, last_back in LAST_BACK.items():
        where = "staging" if kind == "staged_swap" else "production"
        for domain in range(3):
            before, after = so_far(kind, 1 + domain), so_far(kind, 2 + domain)
            back = last_back if domain == 2 else "rollback"
            refused, failed = fault("walk", "307", domain), fault("walk", "fail", domain)
            sick, stuck = fault("walk", "sick", domain), fault("walk", "stuck", domain)
            yield Case(
                kind, f"walk {domain} refused", before, "rollback", f"refused the walk of domain {domain}", (refused,)
            )
            yield Case(kind, f"walk {domain} failed", before, "rollback", f"walk of domain {domain} failed", (failed,))
            yield Case(kind, f"domain {domain} sick", after, back, "not ready: WebRole1_IN_", (sick,))
            says = f"the walk of domain {domain} took longer"
            yield Case(kind, f"domain {domain} stuck", after, None if domain == 2 else "rollback", says, (stuck,))
        yield Case(kind, "gate red", so_far(kind, 2), "rollback", "unhealthy for", dies_at="Checking 0", dies_in=where)
        yield Case(kind, "bake red", so_far(kind, 3), "rollback", "unhealthy for", dies_at="Baking 2", dies_in=where)
    for way_back, copy in (("package", ""), ("copy", "package ")):
        last_sick = (fault("walk", "sick", 2),)
        done, back = f"{copy}upgrade {WALKS}", f"upgrade {WALKS}"
        what = f"last domain sick, {way_back} at hand"
        yield Case("upgrade", what, done, back, "not ready", last_sick, way_back=way_back)


def _platform_walks() -> Iterator[Case]:
    for kind, verb in (("upgrade_auto", "upgrade"), ("configure_auto", "config")):
        complete_back = f"config {WALKS}" if verb == "config" else None
        for domain in range(3):
            failed, sick = fault(verb, "fail", domain), fault(verb, "sick", domain)
            yield Case(kind, f"domain {domain} failed", verb, "rollback", "failed: InternalError", (failed,))
            yield Case(kind, f"domain {domain} sick", verb, complete_back, "not ready: WebRole1_IN_", (sick,))
        yield Case(kind, "gate red", verb, complete_back, "unhealthy for", dies_at="Checking 2")
    for kind in ("upgrade_auto", "upgrade_simultaneous"):
        red = Case(
            kind, "gate red, package at hand", "upgrade", f"upgrade {WALKS}", "unhealthy for", way_back="package"
        )
        yield red._replace(dies_at="Checking 2")
    yield Case("upgrade_simultaneous", "gate red", "upgrade", None, "unhealthy for", dies_at="Checking 2")


def _swaps() -> Iterator[Case]:
    for kind in ("staged_swap", "created_swap"):
        ready = WAYS[kind].removesuffix(" swap")
        yield Case(kind, "swap refused", ready, "", "refused the swap", (fault("swap", "307"),))
        yield Case(kind, "swap failed", ready, "", "the swap failed: InternalError", (fault("swap", "fail"),))
    for kind in ("swap", "swap_into_empty", "staged_swap", "created_swap"):
        yield Case(kind, "bake after the swap red", WAYS[kind], "swap", "unhealthy for", dies_at="SwapBaking")
    yield Case("created_swap", "gate red", "create", "", "unhealthy for", dies_at="Checking", dies_in="staging")


def _statuses() -> Iterator[Case]:
    slow = (fault("status", "slow", seconds=3000),)
    overdue = "took longer than operation_timeout.status"
    yield Case("suspend", "suspension overdue", "status", "status", overdue, slow, suspension="")
    yield Case("start", "start overdue", "status", "status", overdue, slow)
    yield Case("start", "gate red", "status", "status", "unhealthy for", dies_at="Checking")


CASES = [*_begins(), *_walks(), *_platform_walks(), *_swaps(), *_statuses()]


def spelled(log: list[tuple[str, int | None]]) -> str:
    return " ".join(verb if domain is None else f"{verb}{domain}" for verb, domain in log)


def words(*parts: str) -> str:
    return " ".join(part for part in parts if part)


@pytest.mark.parametrize("on_failure", POLICIES)
@pytest.mark.parametrize("case", CASES, ids=[f"{case.kind}-{case.step}".replace(" ", "_") for case in CASES])
def test_whatever_fails_ends_as_the_policy_says(case: Case, on_failure: str, lane: Any) -> None:
    when = {case.dies_at: lane.dies_in(case.dies_in)} if case.dies_at else {}

    trial = lane.play(case.kind, on_failure, faults=case.faults, way_back=case.way_back, when=when)

    assert case.says in f"{trial.why} {trial.state.failure}"
    assert ".." not in trial.why
    if case.so_far is None:
        assert (trial.end, spelled(trial.truth.log)) == ("failed", "")
        untouched(trial)
    elif on_failure == "hold" or (on_failure == "rollback" and case.back is None):
        assert (trial.end, spelled(trial.truth.log)) == (waits_as(case, on_failure), case.so_far)
        held(trial, lane)
    elif on_failure == "suspend":
        assert (trial.end, spelled(trial.truth.log)) == ("suspended", words(case.so_far, case.suspension))
        suspended(trial)
    else:
        assert (trial.end, spelled(trial.truth.log)) == ("rolled_back", words(case.so_far, case.back or ""))
        rolled_back(trial)


def waits_as(case: Case, on_failure: str) -> str:
    """Give the phase: past its Rollback an update is waited for that something at hand can take back once it is done.

    One that never gets done is for a person to look into.
    """
    waited_for = on_failure == "rollback" and case.step == "domain 2 stuck" and case.kind != "upgrade"
    return "NeedsOperator" if waited_for else "HeldForPerson"


# --- the truth of each end ---


def untouched(trial: Any) -> None:
    """Nothing was changed: every deployment stands where it stood, runs what it ran and as it ran."""
    assert trial.truth.names == trial.before.names
    assert trial.truth.running == trial.before.running
    assert trial.truth.new_in("production") == trial.truth.new_in("staging") == 0
    assert all(each.change is None and each.lock is None for each in trial.truth.slots.values())


def rolled_back(trial: Any) -> None:
    """Production is as it was, with no instance on the new version, and well."""
    assert trial.truth.names.get("production") == trial.before.names.get("production")
    assert trial.truth.new_in("production") == 0
    assert trial.truth.running.get("production") == trial.before.running.get("production")
    if trial.truth.running.get("production"):
        assert trial.truth.ready
    if "rollback" in spelled(trial.truth.log):
        assert trial.truth.new_in("staging") == 0


def suspended(trial: Any) -> None:
    """The deployment that was being changed does not run."""
    name = trial.state.before.deployment
    (deployment,) = [each for each in trial.truth.slots.values() if each.name == name]
    assert not deployment.running
    assert deployment.lock is None
    assert sum(not runs for runs in trial.truth.running.values()) == 1


def held(trial: Any, lane: Any) -> None:
    """Nothing moves any more, however long it takes and however often an engine starts; the sentence says so."""
    assert trial.why.endswith("; waits for a person, for 0s.")
    log = trial.truth.log
    assert lane.again(trial, after_s=7200.0).end == trial.end
    assert trial.truth.log == log


# --- answers that never come, or are no answers ---

LOST = [(kind, call) for kind, way in WAYS.items() for call in way.split()]
ODD = ("409", "500", "503", "html_503", "500_after", "timeout_after")
"""Everything else that an answer can be without saying no."""


def met(call: str, effect: str) -> dict[str, Any]:
    verb = call.rstrip("012")
    return fault(verb, effect, int(call.removeprefix("walk")) if verb == "walk" else None)


@pytest.mark.parametrize("effect", ["lose_before", "lose_after"])
@pytest.mark.parametrize(("kind", "call"), LOST, ids=[f"{kind}-{call}" for kind, call in LOST])
def test_a_lost_answer_is_found_out_and_nothing_is_done_twice(kind: str, call: str, effect: str, lane: Any) -> None:
    trial = lane.play(kind, faults=[met(call, effect)])
    succeeded(trial, kind)


@pytest.mark.parametrize("effect", ODD)
@pytest.mark.parametrize("kind", ["upgrade", "configure", "staged_swap", "created_swap", "suspend"])
def test_odd_answers_to_every_call_change_nothing_about_the_end(kind: str, effect: str, lane: Any) -> None:
    trial = lane.play(kind, faults=[met(call, effect) for call in WAYS[kind].split()])
    succeeded(trial, kind)


def succeeded(trial: Any, kind: str) -> None:
    assert (trial.end, spelled(trial.truth.log)) == ("succeeded", WAYS[kind])
    assert trial.truth.new_in("production") == (0 if kind in NEW_IN_PRODUCTION else 3)
    assert trial.truth.running["production"] is (kind != "suspend")
    assert trial.truth.ready is (kind != "suspend")
    swapped = kind in {"swap", "swap_into_empty", "staged_swap", "created_swap"}
    assert (trial.truth.names["production"] != trial.before.names.get("production")) is swapped


# --- what goes wrong on the way back ---


class Back(NamedTuple):
    """One call of one way back, and how it is come to."""

    kind: str
    at: str
    """The phase in which the call is made."""
    call: str
    log: str
    faults: tuple[dict[str, Any], ...] = ()
    dies_at: str = ""
    on_failure: str = "rollback"
    way_back: str = "none"


HALFWAY, COMPLETE = (fault("walk", "fail", 1),), (fault("walk", "sick", 2),)


def _backs() -> Iterator[Back]:
    for kind in ("upgrade", "configure", "staged_swap"):
        yield Back(kind, "RollingBack", "rollback", f"{so_far(kind, 2)} rollback", HALFWAY)
    for kind in ("upgrade", "configure"):
        for call in WAYS[kind].split():
            log = f"{WAYS[kind]} {WAYS[kind]}"
            yield Back(kind, "Reverting", call, log, COMPLETE, way_back="package")
    for kind in ("swap", "swap_into_empty"):
        yield Back(kind, "SwappingBack", "swap", "swap swap", dies_at="SwapBaking")
    yield Back("start", "Reverting", "status", "status status", dies_at="Checking")
    yield Back("upgrade", "Suspending", "status", "upgrade walk0 status", HALFWAY, on_failure="suspend")
    yield Back("swap", "Suspending", "status", "swap status", dies_at="SwapBaking", on_failure="suspend")


BACKS = list(_backs())
BACK_IDS = [f"{back.kind}-{back.at}-{back.call}" for back in BACKS]


@pytest.mark.parametrize("effect", ["lose_before", "lose_after", "409", "503"])
@pytest.mark.parametrize("back", BACKS, ids=BACK_IDS)
def test_the_way_back_survives_lost_and_odd_answers(back: Back, effect: str, lane: Any) -> None:
    trial = go_back(back, effect, lane)

    assert spelled(trial.truth.log) == back.log
    if back.on_failure == "suspend":
        assert trial.end == "suspended"
        suspended(trial)
    else:
        assert trial.end == "rolled_back"
        rolled_back(trial)


@pytest.mark.parametrize("effect", ["307", "fail"])
@pytest.mark.parametrize(
    "back",
    [back for back in BACKS if not back.call.startswith("walk")],
    ids=lambda back: f"{back.kind}-{back.at}-{back.call}",
)
def test_a_way_back_that_the_platform_refuses_waits_for_a_person_and_says_so(
    back: Back, effect: str, lane: Any
) -> None:
    trial = go_back(back, effect, lane)

    assert trial.end == "HeldForPerson"
    assert f"it cannot go back: the {'platform refused the' if effect == '307' else ''}" in trial.why
    held(trial, lane)


def go_back(back: Back, effect: str, lane: Any) -> Any:
    when: dict[str, Callable[..., Any]] = {back.at: lane.meets(met(back.call, effect))}
    if back.dies_at:
        when[back.dies_at] = lane.dies_in("production")
    return lane.play(back.kind, back.on_failure, faults=back.faults, way_back=back.way_back, when=when)


# --- one word to one instance ---


WORDS = {
    "307": ("failed", "", "refused the reboot"),
    "fail": ("NeedsOperator", "", "the reboot of WebRole1_IN_1 failed: InternalError"),
    "sick": ("HeldForPerson", "reboot1", "took longer than operation_timeout.status; not ready: WebRole1_IN_1"),
    "lose_before": ("NeedsOperator", "", "nobody can see whether the reboot of WebRole1_IN_1 took effect"),
    "lose_after": ("NeedsOperator", "reboot1", "nobody can see whether the reboot of WebRole1_IN_1 took effect"),
}
"""What meets the reboot -> how it ends, what the log holds, and what is said."""


@pytest.mark.parametrize("on_failure", POLICIES)
@pytest.mark.parametrize("effect", WORDS)
def test_a_word_to_an_instance_is_said_at_most_once(effect: str, on_failure: str, lane: Any) -> None:
    end, log, says = WORDS[effect]

    trial = lane.play("reboot", on_failure, faults=[fault("reboot", effect)])

    assert (trial.end, spelled(trial.truth.log)) == (end, log)
    assert says in trial.why
    assert lane.again(trial, after_s=7200.0).end == end
    assert spelled(trial.truth.log) == log
