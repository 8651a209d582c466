"""Amending a rollout under way: what a changed policy may change, what it voids, and what each service feels of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from rollout.core import event, fleet_event, word_event
from rollout.core.approvals import plan_digest
from rollout.core.command import Ask, Command, Verb
from rollout.core.compile import Compiled, compile_bundle
from rollout.core.ending import Outcome
from rollout.core.event import Entry
from rollout.core.evolve import evolve
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.fleet_state import RolloutState
from rollout.core.names import Digest, Now, RolloutId, ServiceName, rollout_stream, service_stream
from rollout.core.plan import ServicePlan
from rollout.core.reply import Kind, reply
from rollout.core.terms import Amendment, amended
from rollout.core.word_amend import amendment
from rollout.policy.load import load_policy

NOW = Now(5.0, 1000.0)
WAVES = """
waves:
  - {name: a, select: svc-0001, approve: {by: leads, before: start}}
  - {name: b, select: rest, max_parallel: 2, failure_tolerance: 1, max_parallel_per: {region: 1}, approve: {by: leads}}
"""


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[..., Compiled]:
    """Compile the policy with changes: `compiled("waves[1].max_parallel=3")`."""
    configuration = (Path(__file__).parents[2] / "policies/configs/svc-0001.cscfg").read_bytes()
    (tmp_path / "web.cscfg").write_bytes(configuration)
    services = ", ".join(f"svc-{n:04}: {{tags: {{region: weu}}}}" for n in range(1, 7))
    text = (
        "rollout: web-1\nchange: {upgrade: {package: 'https://a.example/p.cspkg', configuration: web.cscfg}}\n"
        f"fleet: {{subscription: 00000000-0000-4000-8000-000000000001, services: {{{services}}}}}\n"
        "health: {stable_duration: 10s}\nwalk: {domain_timeout: 20m}\ntimeout: 2h\ndeadline: 1d\n" + WAVES
    )
    (tmp_path / "policy.yaml").write_text(text)
    return lambda *sets: compile_bundle(load_policy(tmp_path / "policy.yaml", sets=sets))


class Rollout:
    """A rollout of that policy, some of it begun."""

    def __init__(self, of: Compiled) -> None:
        self.own = rollout_stream(of.plan.rollout)
        self.state = self._fleet(None, fleet_event.RolloutOpened(of.plan))
        self.services: dict[ServiceName, Any] = {}
        for plan in of.services:
            stream = service_stream(plan.rollout, plan.service, 1)
            self.services[plan.service] = evolve(None, Entry(stream, 1, NOW, "t", event.Opened(plan, 1)))

    def _fleet(self, state: RolloutState | None, fact: Any) -> RolloutState:
        return evolve_fleet(state, Entry(self.own, state.version + 1 if state else 1, NOW, "t", fact))

    def tell(self, *facts: Any) -> "Rollout":
        for fact in facts:
            self.state = self._fleet(self.state, fact)
        return self

    @property
    def plans(self) -> dict[ServiceName, ServicePlan]:
        return {name: state.plan for name, state in self.services.items()}

    def amend(self, wanted: Amendment | None, plan: str | None = None) -> Any:
        """Say it, and record what is accepted."""
        digest = plan_digest(self.state.plan) if plan is None else plan
        word = Command("k", Verb.AMEND, "ann", "too slow", amendment=wanted, plan=digest)
        found, drafts = reply(self.state, self.services, Ask(RolloutId("web-1"), None, word), NOW)
        for stream, fact in drafts:
            if stream == self.own:
                self.tell(fact)
                continue
            name = next(each for each, state in self.services.items() if state.stream == stream)
            state = self.services[name]
            self.services[name] = evolve(state, Entry(stream, state.version + 1, NOW, "ann", fact))
        return found.said[0], [type(fact) for _, fact in drafts]


@pytest.mark.parametrize(
    ("sets", "diff"),
    [
        ((), ()),
        (("waves[1].max_parallel=1",), ("wave b max_parallel: 2 -> 1",)),
        (("waves[1].failure_tolerance=2",), ("wave b failure_tolerance: 1 -> 2",)),
        (("waves[1].max_parallel_per={region: 2}",), ("wave b caps: [1] -> [2]",)),
        (("deadline=2d",), ("deadline: 86400.0 -> 172800.0",)),
        (("timeout=3h",), ("wave a timeout_s: 7200.0 -> 10800.0", "wave b timeout_s: 7200.0 -> 10800.0")),
    ],
)
def test_the_diff_names_every_term_that_changes(
    compiled: Callable[..., Compiled], sets: tuple[str, ...], diff: tuple[str, ...]
) -> None:
    rollout = Rollout(compiled())
    other = compiled(*sets)
    wanted, told = amendment(rollout.state.plan, rollout.plans, other)
    assert wanted is not None
    assert told == diff
    assert amended(rollout.state.plan, wanted).documents == other.plan.documents


@pytest.mark.parametrize(
    ("sets", "beyond"),
    [
        (("change.upgrade.package=https://a.example/q.cspkg",), "what is done to svc-0001, svc-0002, svc-0003 and 3"),
        (("waves[0].select=svc-0002",), "the services of its waves"),
        (("waves[1].approve.by=ops",), "needs, pairs, approvals, notify, what a failure does to a wave"),
    ],
)
def test_what_is_no_term_needs_a_new_rollout(
    compiled: Callable[..., Compiled], sets: tuple[str, ...], beyond: str
) -> None:
    rollout = Rollout(compiled())
    wanted, told = amendment(rollout.state.plan, rollout.plans, compiled(*sets))
    assert wanted is None
    assert told[0].startswith(beyond)


def test_other_caps_and_clocks_count_from_here_on_and_void_what_has_not_begun(
    compiled: Callable[..., Compiled],
) -> None:
    rollout = Rollout(compiled()).tell(
        fleet_event.ApprovalAsked("a", "leads", 2000.0, "d"),
        fleet_event.Approved("a", "bob", "fine"),
        fleet_event.WaveOpened("a"),
        fleet_event.ApprovalAsked("b", "leads", 2000.0, "d"),
    )
    ended = rollout.services[ServiceName("svc-0006")]
    closed = Entry(ended.stream, 2, NOW, "ann", event.Closed(Outcome.EXCLUDED, "ann", "no"))
    rollout.services[ServiceName("svc-0006")] = evolve(ended, closed)
    wanted, _ = amendment(
        rollout.state.plan, rollout.plans, compiled("waves[1].failure_tolerance=3", "health.stable_duration=20s")
    )
    said, facts = rollout.amend(wanted)
    assert said.kind is Kind.ACCEPTED
    assert said.text == "runs under the new terms; approvals for what has not begun are asked for again"
    assert facts == [fleet_event.Amended, *[word_event.TermsChanged] * 5]
    assert rollout.state.plan.waves[1].failure_tolerance == 3
    assert list(rollout.state.approvals) == ["a"]
    stable = {name: state.plan.health.stable_s for name, state in rollout.services.items()}
    assert stable == {name: 10.0 if name == "svc-0006" else 20.0 for name in rollout.services}


def test_the_text_of_an_amended_policy_is_named_beside_the_one_that_was_submitted(
    compiled: Callable[..., Compiled],
) -> None:
    rollout, other = Rollout(compiled()), compiled("timeout=3h")
    first = rollout.state.plan.policy
    wanted, _ = amendment(rollout.state.plan, rollout.plans, other)
    assert wanted is not None
    rollout.amend(wanted)
    assert [(given.digest, given.who) for given in rollout.state.policies] == [(first, "t"), (other.plan.policy, "ann")]
    assert (rollout.state.plan.policy, rollout.state.amended) == (other.plan.policy, True)
    before = rollout.state.policies
    rollout.tell(fleet_event.Amended(replace(wanted, policy=Digest("")), "ann", "as an older version writes it"))
    assert (rollout.state.policies, rollout.state.plan.policy) == (before, other.plan.policy)


def test_a_retry_after_an_amendment_begins_under_the_new_terms(compiled: Callable[..., Compiled]) -> None:
    rollout = Rollout(compiled()).tell(fleet_event.ServiceEnded(ServiceName("svc-0006"), Outcome.EXCLUDED))
    ended = rollout.services[ServiceName("svc-0006")]
    closed = Entry(ended.stream, 2, NOW, "ann", event.Closed(Outcome.EXCLUDED, "ann", "no"))
    rollout.services[ServiceName("svc-0006")] = evolve(ended, closed)
    wanted, _ = amendment(rollout.state.plan, rollout.plans, compiled("health.stable_duration=20s", "timeout=3h"))
    rollout.amend(wanted)
    assert rollout.services[ServiceName("svc-0006")].plan.health.stable_s == 10.0
    word = Ask(RolloutId("web-1"), ServiceName("svc-0006"), Command("r", Verb.RETRY, "ann", "now"))
    _, drafts = reply(rollout.state, rollout.services, word, NOW)
    opened = [fact for _, fact in drafts if isinstance(fact, event.Opened)]
    assert [(each.plan.health.stable_s, each.plan.timeout_s, each.attempt) for each in opened] == [(20.0, 10_800.0, 2)]
    assert opened[0].plan.change == rollout.services[ServiceName("svc-0006")].plan.change


def test_timing_alone_voids_no_approval(compiled: Callable[..., Compiled]) -> None:
    rollout = Rollout(compiled()).tell(fleet_event.ApprovalAsked("a", "leads", 2000.0, "d"))
    wanted, _ = amendment(rollout.state.plan, rollout.plans, compiled("walk.domain_timeout=25m"))
    said, _ = rollout.amend(wanted)
    assert said.text == "runs under the new terms"
    assert list(rollout.state.approvals) == ["a"]
    again, facts = rollout.amend(wanted)
    assert (again.kind, again.text, facts) == (Kind.NO_OP, "it runs under these terms already", [])


def test_an_amendment_of_a_plan_that_changed_meanwhile_or_of_nothing_is_refused(
    compiled: Callable[..., Compiled],
) -> None:
    rollout = Rollout(compiled())
    wanted, _ = amendment(rollout.state.plan, rollout.plans, compiled("timeout=3h"))
    assert wanted is not None
    stale, facts = rollout.amend(wanted, plan="f" * 64)
    assert (stale.kind, facts) == (Kind.REFUSED, [])
    assert "by now, and not ffffffffffff" in stale.text
    assert "and not nothing" in rollout.amend(wanted, plan="")[0].text
    assert rollout.amend(None)[0].kind is Kind.REFUSED
    strange = replace(wanted, waves=(replace(wanted.waves[0], wave="z"),))
    assert "a wave that is not there" in rollout.amend(strange)[0].text


def test_terms_name_waves_and_leave_the_others_and_unlike_caps_as_they_are(compiled: Callable[..., Compiled]) -> None:
    rollout = Rollout(compiled())
    wanted, _ = amendment(rollout.state.plan, rollout.plans, compiled("waves[1].failure_tolerance=4"))
    assert wanted is not None
    first = replace(wanted, waves=wanted.waves[:1], documents=Digest("x"))
    assert amended(rollout.state.plan, first).waves == rollout.state.plan.waves
    unlike = replace(wanted, waves=(wanted.waves[0], replace(wanted.waves[1], caps=())))
    assert amended(rollout.state.plan, unlike).waves[1].caps == rollout.state.plan.waves[1].caps


def test_an_approval_of_the_whole_rollout_that_was_used_is_kept(compiled: Callable[..., Compiled]) -> None:
    of = compiled()
    from rollout.core.wave_plan import ApprovalPlan, Moment

    whole = replace(of, plan=replace(of.plan, approval=ApprovalPlan("leads", Moment.START, 60.0)))
    rollout = Rollout(whole).tell(
        fleet_event.ApprovalAsked("", "leads", 2000.0, "d"),
        fleet_event.Approved("", "bob", "fine"),
        fleet_event.WaveOpened("a"),
    )
    wanted = Amendment((), Digest("x"))
    rollout.tell(fleet_event.Amended(wanted, "ann", "x", voids_approvals=True))
    assert list(rollout.state.approvals) == [""]
