"""The checker: each rule is broken by hand once, and the truth it reads is the fabric's own."""

from collections import Counter
from collections.abc import Callable

import pytest

from rollout.core import event, fleet_event
from rollout.core.change_plan import UpgradePlan
from rollout.core.ending import Outcome
from rollout.core.event import Entry, Fact, ServiceFact
from rollout.core.names import POLICY, Now, StreamName, Target, rollout_stream, service_stream
from rollout.core.operation import RollBack, StartUpgrade, Walk
from rollout.core.outcome import Handle, Lost, Refused, RefusedKind
from rollout.core.snapshot import Before, Sighting
from rollout.emulator.fabric import Fabric
from rollout.emulator.fabric_state import Deployment, LogEntry
from rollout.platforms.classic.vocabulary import Verb
from rollout.simulation import checker
from rollout.simulation.book import Book, Page, Told, at_once
from rollout.simulation.cast import cast
from rollout.simulation.checker import Checker
from rollout.simulation.last import judge_end
from rollout.simulation.marks import Mark, Marks
from rollout.simulation.sender import in_the_name_of
from rollout.simulation.stage import Stage
from rollout.simulation.truth import Truth
from rollout.simulation.violation import Violation

SAW = Sighting("web-2.4.0", "Running", locked=False, pointer=None, during=False, ready=3, instances=3)


class Hand:
    """A world without an engine: facts and effects come by hand, at seconds that the test sets."""

    def __init__(self, stage: Stage) -> None:
        self.t = 0.0
        self.stage = stage
        self.plan = stage.compiled.services[0]
        self.stream = service_stream(self.plan.rollout, self.plan.service, 1)
        self.fabric = Fabric(lambda: self.t)
        cast(self.fabric, stage.compiled, dict(stage.configurations), stage.domains, stage.instances)
        self.journal = Told()
        self.checker = Checker(7, Truth(self.fabric), Book(self.journal), lambda: self.t)
        self.versions = Counter[StreamName]()
        self.label = f"storm [ro:{'0' * 12}]"

    def say(self, *facts: ServiceFact) -> None:
        """Make facts of the first service durable, one after another, and let the checker read them."""
        self.write(self.stream, *facts)

    def fleet(self, *facts: Fact) -> None:
        """Make facts of the rollout as a whole durable."""
        self.write(rollout_stream(self.plan.rollout), *facts)

    def write(self, stream: StreamName, *facts: Fact) -> None:
        """Make facts of any stream durable, and let the checker read them."""
        for fact in facts:
            self.versions[stream] += 1
            entry = Entry(stream, self.versions[stream], Now(self.t, self.t), POLICY, fact)
            at_once_appended(self.journal, entry)
        self.checker.read()

    def begin(self) -> None:
        """Bring the service to where its first walk may be intended."""
        before = Before("svc-a-production", "web-2.4.0", 3, {"WebRole1": 3})
        change = self.plan.change
        assert isinstance(change, UpgradePlan)
        upgrade = StartUpgrade(change.package, change.configuration, self.label, {"WebRole1": 3})
        self.say(
            event.Opened(self.plan, 1),
            event.Admitted("all"),
            event.Preflighted(before, SAW),
            event.Intended(1, upgrade, 120.0),
        )

    def effect(self, verb: Verb, domain: int | None, number: int, label: str = "") -> None:
        """Let a change take effect in the name of call `number`."""
        entry = LogEntry(0, self.t, "svc-a", "svc-a-production", "production", verb, domain, label or self.label, "id")
        with in_the_name_of(f"{self.stream}/{number}"):
            self.checker.effect(entry)

    @property
    def deployment(self) -> Deployment:
        found = self.checker.truth.deployment(self.plan.target)
        assert found is not None
        return found


def at_once_appended(journal: Told, entry: Entry) -> None:
    """Append without a loop: the journal's only wait is the turn it gives to others."""
    appending = journal.append([entry], [entry.stream] if isinstance(entry.fact, event.Closed) else [])
    appending.send(None)
    with pytest.raises(StopIteration):
        appending.send(None)


@pytest.fixture
def hand(stage_of: Callable[..., Stage]) -> Hand:
    made = Hand(stage_of(profile="none"))
    made.checker.book.rollouts = {}
    return made


def nobody(_book: Book, _page: Page) -> tuple[()]:
    """Let everybody in: there is no rollout around the service."""
    return ()


@pytest.fixture
def begun(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> Hand:
    monkeypatch.setattr(checker, "admitted_against", nobody)
    hand.begin()
    return hand


def test_an_effect_without_a_durable_intent_breaks_s9(begun: Hand) -> None:
    with pytest.raises(Violation, match=r"S9 in seed 7 at 0.0 s: walk svc-a domain 0 took effect, and its intent"):
        begun.effect(Verb.WALK, 0, 2)


def test_an_effect_other_than_its_intent_breaks_s9(begun: Hand) -> None:
    with pytest.raises(Violation, match=r"its intent says upgrade"):
        begun.effect(Verb.ROLLBACK, None, 1)


def test_an_effect_twice_breaks_s4(begun: Hand) -> None:
    begun.effect(Verb.UPGRADE, None, 1)
    with pytest.raises(Violation, match=r"S4 .* upgrade svc-a took effect twice"):
        begun.effect(Verb.UPGRADE, None, 1)


def test_an_effect_behind_a_later_call_breaks_s12(begun: Hand) -> None:
    begun.checker.sent(f"{begun.stream}/2", Walk(0))
    with pytest.raises(Violation, match=r"S12 .* upgrade svc-a took effect by call .*/1 after call 2 had been sent"):
        begun.effect(Verb.UPGRADE, None, 1)


def test_an_effect_on_a_strangers_change_breaks_s10(begun: Hand) -> None:
    begun.say(event.Accepted(1, Handle("s", "1")), event.Succeeded(1), event.Intended(2, Walk(0), 120.0))
    with pytest.raises(Violation, match=r"S10 .* walk svc-a domain 0 took effect on nobody's change"):
        begun.effect(Verb.WALK, 0, 2)


def test_two_domains_down_through_us_break_s1(begun: Hand) -> None:
    one, two, _ = begun.deployment.instances
    one.restart(0.0, 100.0, sick=False, release=one.release)
    begun.effect(Verb.UPGRADE, None, 1)
    two.restart(0.0, 100.0, sick=False, release=two.release)
    with pytest.raises(Violation, match=r"S1 .* domains \[0, 1\] of svc-a are down at once"):
        begun.checker.moved()


def test_a_domain_that_failed_by_itself_is_not_our_doing(begun: Hand) -> None:
    one, two, _ = begun.deployment.instances
    begun.checker.truth.crash(begun.deployment, one, 100.0)
    two.restart(0.0, 100.0, sick=False, release=two.release)
    begun.effect(Verb.UPGRADE, None, 1)
    assert (begun.checker.peaks.domains, begun.checker.peaks.instances) == (2, 2)


def test_a_call_after_a_stop_breaks_s13(begun: Hand) -> None:
    begun.say(event.Stopped("ana", "something smells"))
    with pytest.raises(Violation, match=r"S13 .* was sent although ana said stop"):
        begun.checker.sent(f"{begun.stream}/1", Walk(0))


def test_a_forward_call_under_a_hold_breaks_s3_and_a_rollback_does_not(begun: Hand) -> None:
    begun.say(event.Held(event.HoldReason.PAUSE, "ana", "lunch"))
    begun.checker.sent(f"{begun.stream}/1", RollBack())
    with pytest.raises(Violation, match=r"S3 .* was sent although it is held: lunch"):
        begun.checker.sent(f"{begun.stream}/1", Walk(0))


def test_a_call_before_its_retry_after_is_over_breaks_s11(begun: Hand) -> None:
    key = f"{begun.stream}/1"
    begun.checker.answered(key, Walk(0), Refused(RefusedKind.THROTTLED, "too many", 30.0))
    begun.t = 29.0
    with pytest.raises(Violation, match=r"S11 .* before the Retry-After"):
        begun.checker.sent(key, Walk(0))
    begun.t = 30.0
    begun.checker.sent(key, Walk(0))


def test_a_fifth_try_of_a_call_that_was_lost_breaks_s11(begun: Hand) -> None:
    for _ in range(4):
        begun.checker.sent(f"{begun.stream}/1", Walk(0))
        begun.checker.answered(f"{begun.stream}/1", Walk(0), Lost("gone"))
    with pytest.raises(Violation, match=r"S11 .* was repeated after 4 losses"):
        begun.checker.sent(f"{begun.stream}/1", Walk(0))


@pytest.fixture
def halted(hand: Hand) -> Hand:
    """A rollout that has opened its wave, begun one service, and is halted."""
    hand.fleet(fleet_event.RolloutOpened(hand.stage.compiled.plan), fleet_event.WaveOpened("all"))
    hand.begin()
    hand.fleet(fleet_event.Halted("all", "2 of 2 services failed"))
    return hand


def test_a_forward_call_in_a_halted_rollout_breaks_halt_and_a_rollback_does_not(halted: Hand) -> None:
    halted.checker.sent(f"{halted.stream}/1", RollBack())
    with pytest.raises(Violation, match=r"halt .* was sent although its rollout is halted: 2 of 2 services failed"):
        halted.checker.sent(f"{halted.stream}/1", Walk(0))


def test_a_service_that_begins_in_a_halted_rollout_breaks_halt(halted: Hand) -> None:
    other = halted.stage.compiled.services[1]
    stream = service_stream(other.rollout, other.service, 1)
    with pytest.raises(Violation, match=r"halt .*svc-b#1 began although its rollout is halted"):
        halted.write(stream, event.Opened(other, 1), event.Admitted("all"))


def test_a_wave_that_opens_in_a_halted_rollout_breaks_halt(hand: Hand) -> None:
    hand.fleet(fleet_event.RolloutOpened(hand.stage.compiled.plan), fleet_event.Halted("", "it is late"))
    with pytest.raises(Violation, match=r"halt .* wave all was opened although storm is halted: it is late"):
        hand.fleet(fleet_event.WaveOpened("all"))


def test_a_fact_that_cannot_follow_breaks_s7(begun: Hand) -> None:
    with pytest.raises(Violation, match=r"S7 .* the journal does not fold"):
        begun.say(event.GatePassed(0, ()))


def test_a_success_that_is_none_breaks_s8(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "admitted_against", nobody)
    hand.say(event.Opened(hand.plan, 1), event.Admitted("all"))
    with pytest.raises(Violation, match=r"S8 .* ended as succeeded, but nothing of it took effect"):
        hand.say(event.Closed(Outcome.SUCCEEDED, POLICY, "all domains run it"))


def test_an_ending_without_a_reason_breaks_e1(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "admitted_against", nobody)
    hand.say(event.Opened(hand.plan, 1), event.Admitted("all"))
    with pytest.raises(Violation, match=r"E1 .* without an actor or a reason"):
        hand.say(event.Closed(Outcome.SKIPPED, POLICY, ""))


def test_a_service_left_in_the_middle_breaks_l1(begun: Hand) -> None:
    with pytest.raises(Violation, match=r"L1 .* the rollout did not end; storm/svc-a#1: Beginning"):
        judge_end(begun.checker, None, ())


@pytest.mark.parametrize("text", ["canary-4f1c9b", "c2VjcmV0LWNhbmFyeQ", "a%2Fb%2Fsecret"])
def test_a_secret_in_an_entry_breaks_e2_in_any_spelling(begun: Hand, text: str) -> None:
    begun.say(event.Lost(1, f"the URL was https://x?sig={text}"), event.Held(event.HoldReason.PAUSE, "ana", "lunch"))
    from rollout.core.result import ExitCode, Result

    over = Result(ExitCode.FOR_PERSON, "waits for a person", "lunch")
    with pytest.raises(Violation, match=r"E2 .* carries a secret"):
        judge_end(begun.checker, over, ("canary-4f1c9b", "secret-canary", "a/b/secret"))
    judge_end(begun.checker, over, ("another",))


def test_the_first_violation_is_kept_whoever_swallows_it(begun: Hand) -> None:
    for verb in (Verb.ROLLBACK, Verb.WALK):
        with pytest.raises(Violation):
            begun.effect(verb, None, 1)
    assert begun.checker.violation is not None
    assert "rollback svc-a" in str(begun.checker.violation)


def test_an_unknown_service_has_no_truth(hand: Hand) -> None:
    target = hand.plan.target
    assert hand.checker.truth.deployment(Target(target.subscription, "nobody", target.slot)) is None  # type: ignore[arg-type] # a name as text


def test_a_streams_name_is_part_of_its_calls_key(begun: Hand) -> None:
    assert set(begun.checker.book.intents) == {f"{StreamName('storm/svc-a#1')}/1"}
    assert begun.checker.book.marks == {begun.stream: Marks([Mark(f"[ro:{'0' * 12}]")])}
    assert at_once(begun.journal.verify()) == 4
