"""A rollout's report: the lists say all that was recorded, the bars all the time that was spent, the page only text."""

import asyncio
import base64
import hashlib
import re
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise

import msgspec
import pytest

from rollout.core.approvals import plan_digest
from rollout.core.command import Verb
from rollout.core.compile import Compiled
from rollout.core.result import Result
from rollout.errors import UsageError
from rollout.journal.journal import Recorded
from rollout.policy.duration import parse_duration
from rollout.simulation import loop
from rollout.simulation.world import Parts, World, carry_out
from rollout.views.reading import Read
from rollout.views.records import gather_records
from rollout.views.report import Report, beside, report
from rollout.views.report_forecast import forecast_in
from rollout.views.report_lines import BarKind
from rollout.views.report_page import page
from tests.views.conftest import OWN, Words, read_of, say

Compile = Callable[..., Compiled]
MakeWorld = Callable[..., World]
WAVES = (
    "[{name: canary, select: 1, bake: 1m},"
    " {name: rest, select: rest, max_parallel: 2, failure_tolerance: 1, approve: {by: leads, within: 2h}}]"
)
FAULT = {"service": "svc-0003", "verb": "walk", "domain": 1, "times": 1, "effect": "fail"}
HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(2)>"


def lived(world: World, plan: Compiled, words: Words = (), first: Words = ()) -> Result | None:
    """Carry a rollout out while people speak; `first` are words that are said before it goes on."""

    async def script(parts: Parts) -> Result | None:
        for _, word in first:
            await word(parts)

        async def people() -> None:
            began = asyncio.get_running_loop().time()
            for at, word in words:
                await asyncio.sleep(began + at - asyncio.get_running_loop().time())
                await word(parts)

        async with asyncio.TaskGroup() as group:
            talking = group.create_task(people(), name="people")
            result = await carry_out(parts, plan)
            while not talking.done() and result is not None and result.outcome == "waits for a person":
                await talking
                result = await carry_out(parts, plan)
            talking.cancel()
        return result

    return world.live(script).result


@pytest.fixture
def story(make_world: MakeWorld, compiled: Compile) -> tuple[Read, list[Recorded]]:
    """A canary, an approval after a while, a pause, a stop, a service that goes back, and an end."""
    world, plan = make_world(3, [FAULT]), compiled(3, waves=WAVES)
    lived(world, plan, [(30.0, say(Verb.PAUSE, "svc-0001", "lunch")), (400.0, say(Verb.RESUME, "svc-0001", "back"))])
    world.pass_by(600.0)
    yes = say(Verb.APPROVE, note="looks good", who="bob", plan=plan_digest(plan.plan))
    stop, go = say(Verb.STOP, "svc-0002", "customer calls"), say(Verb.RESUME, "svc-0002", "all well")
    result = lived(world, plan, [(300.0, stop), (400.0, go)], first=[(0.0, yes)])
    assert result is not None
    assert result.outcome == "succeeded with failures"
    return read_of(world)


@pytest.fixture
def made(story: tuple[Read, list[Recorded]]) -> Report:
    return report(*story)


def test_the_lists_have_every_word_every_approval_every_verdict_and_every_call(
    made: Report, story: tuple[Read, list[Recorded]]
) -> None:
    assert [(each.who, each.about, each.sentence.partition(": ")[2]) for each in made.words] == [
        ("ann", "svc-0001", "paused by ann: lunch"),
        ("ann", "svc-0001", "the pause is lifted by ann"),
        ("bob", "web-2.4.1", "wave rest is approved by bob: looks good"),
        ("ann", "svc-0002", "stopped by ann: customer calls"),
        ("ann", "svc-0002", "the stop is lifted by ann: all well"),
    ]
    (approval,) = made.approvals
    assert (approval.scope, approval.by, approval.answer, approval.who) == ("rest", "leads", "approved", "bob")
    assert approval.answered_at is not None
    assert approval.answered_at - approval.asked_at >= 600.0
    kinds = Counter(record.entry.fact.__struct_config__.tag for record in story[1])
    assert len(made.calls) == kinds["intended"]
    judged = sum(kinds[tag] for tag in ("probed", "gate_passed", "gate_failed", "baked", "baselined", "bake_probed"))
    assert len(made.verdicts) == judged
    failed = [call for call in made.calls if call.result is not None and call.result.startswith("failed")]
    assert [(call.service, call.operation, call.answer) for call in failed] == [
        ("svc-0003", "walk of domain 1", "accepted")
    ]
    assert all(call.operation_id for call in made.calls if call.answer == "accepted")


def test_the_bars_of_a_service_leave_no_time_out_and_say_what_it_was_spent_on(made: Report) -> None:
    for line in made.services:
        assert line.begun_at == line.bars[0].from_at
        assert line.ended_at == line.bars[-1].to_at
        assert all(one.to_at == other.from_at for one, other in pairwise(line.bars))
    kinds = {line.service: {bar.kind for bar in line.bars} for line in made.services}
    assert BarKind.WAITS in kinds["svc-0001"]
    assert BarKind.PERSON in kinds["svc-0002"]
    assert BarKind.BACK in kinds["svc-0003"]
    assert BarKind.GATE in kinds["svc-0003"]
    assert [(line.service, line.wave, line.outcome) for line in made.services] == [
        ("svc-0001", "canary", "succeeded"),
        ("svc-0002", "rest", "succeeded"),
        ("svc-0003", "rest", "rolled_back"),
    ]


def test_waves_tell_what_was_promised_and_when_they_waited_for_people_and_were_watched(made: Report) -> None:
    canary, rest = made.waves
    ((from_at, to_at),) = canary.watched
    assert to_at - from_at >= 60.0
    assert canary.promises == ("watched for 1m at its end", "more failures than tolerated: halt")
    ((asked_at, answered_at),) = rest.asked
    assert answered_at - asked_at >= 600.0
    assert rest.opened_at == answered_at
    assert rest.ended_at == max(line.ended_at or 0.0 for line in made.services if line.wave == "rest")


def test_the_same_entries_give_the_same_report_and_it_survives_as_json(
    made: Report, story: tuple[Read, list[Recorded]]
) -> None:
    assert report(*story) == made
    assert msgspec.json.decode(msgspec.json.encode(made), type=Report) == made
    assert (made.chain.position, made.chain.chain) == (story[1][-1].position, story[1][-1].chain)


def test_a_rollout_under_way_is_told_up_to_now(make_world: MakeWorld, compiled: Compile) -> None:
    world, plan = make_world(3), compiled(3, waves=WAVES)
    lived(world, plan)
    read, records = read_of(world, later_s=90.0)
    told = report(read, records)
    assert told.ended_at is None
    assert told.waves[1].asked[0][1] == read.now.wall
    assert told.approvals[0].answer is None
    waiting = [line for line in told.services if line.wave == "rest"]
    assert [(line.bars, line.begun_at, line.phase) for line in waiting] == [((), None, "queued")] * 2
    assert "no answer" in page(told)


def test_entries_are_chosen_by_rollout_from_an_engines_own_journal(make_world: MakeWorld, compiled: Compile) -> None:
    world = make_world(2)
    lived(world, compiled(2, waves="[{name: all, select: rest}]"))
    records = loop.run(world.journal.read_after(0, 10_000))
    assert loop.run(gather_records(world.journal, OWN)) == list(records)
    assert loop.run(gather_records(world.journal, type(OWN)("web-2.4"))) == []


# --- the page ---


class Reader(HTMLParser):
    """Reads a page as a browser does: its elements, their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


ELEMENTS = set(
    re.findall(
        r"\w+",
        "html head meta title style body main header section h1 h2 p span i b ul li dl div dt dd table thead tbody"
        " tr th td details summary code svg g rect line text circle",
    )
)


def test_the_page_is_whole_loads_nothing_and_takes_no_style_but_its_own(made: Report) -> None:
    html = page(made)
    read = Reader(html)
    assert read.open == []
    assert {tag for tag, _ in read.elements} <= ELEMENTS
    names = {name for _, attributes in read.elements for name in attributes}
    assert not [name for name in names if name.startswith("on") or name in {"href", "src", "style", "xlink:href"}]
    (css,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    (policy,) = [each["content"] for tag, each in read.elements if tag == "meta" and "http-equiv" in each]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert "@import" not in css
    assert "url(" not in css


def test_hostile_words_stay_text_wherever_they_come_from(make_world: MakeWorld, compiled: Compile) -> None:
    world = make_world(1)
    plan = compiled(1, waves="[{name: all, select: rest}]", about=f'{{ticket: "{HOSTILE}", owner: "{HOSTILE}"}}')
    words = [(10.0, say(Verb.PAUSE, "svc-0001", HOSTILE, who=HOSTILE[:60])), (20.0, say(Verb.RESUME, "svc-0001"))]
    lived(world, plan, words)
    read, records = read_of(world)
    told = report(read, records)
    bad = msgspec.structs.replace(told.services[0], service=HOSTILE, wave=HOSTILE, reason=HOSTILE, outcome=HOSTILE)
    waves = (msgspec.structs.replace(told.waves[0], name=HOSTILE, promises=(HOSTILE,)),)
    verdict = msgspec.structs.replace(told.verdicts[0], service=HOSTILE, verdict=HOSTILE)
    html = page(msgspec.structs.replace(told, services=(bad,), waves=waves, verdicts=(verdict,)))
    read_back = Reader(html)
    assert {tag for tag, _ in read_back.elements} <= ELEMENTS
    assert read_back.text.count(HOSTILE) >= 8
    assert "<script" not in html
    assert "<img" not in html


def test_the_plan_stands_beside_what_happened(made: Report) -> None:
    assert "expected finish" not in page(made)
    finish_s = (made.ended_at or 0.0) - made.rollout.opened_at - 90.0
    services = [{"service": line.service, "begins_s": 0.0, "ends_s": 100.0} for line in made.services]
    services.append({"service": "svc-9", "begins_s": None, "ends_s": None})
    plan = {"rollout": OWN, "services": services, "finish": {"expected_s": finish_s, "best_s": 1.0}, "more": [1]}
    told = beside(made, forecast_in(msgspec.json.encode(plan), OWN))
    assert set(told.expected) == {line.service for line in made.services}
    html = page(told)
    assert "expected finish" in html
    assert "it took 1m30s longer" in html
    assert html.count('class="expected"') == 3


def test_a_plan_of_a_far_slower_fleet_leaves_room_for_what_happened(made: Report) -> None:
    took_s = (made.ended_at or 0.0) - made.rollout.opened_at

    def hours(finish_s: float) -> float:
        service = {"service": made.services[0].service, "begins_s": 0.0, "ends_s": finish_s}
        plan = {"rollout": OWN, "services": [service], "finish": {"expected_s": finish_s}}
        told = page(beside(made, forecast_in(msgspec.json.encode(plan), OWN)))
        (shown,) = re.findall(r"lines over ((?:[0-9]+[dhms]+)+)", told)
        assert ("expected finish" in told) is (finish_s <= 3 * took_s)
        return parse_duration(shown)

    assert hours(2 * took_s) == pytest.approx(2 * took_s, abs=1.0)
    assert hours(500 * took_s) == pytest.approx(3 * took_s, abs=1.0)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"{", "this is no plan as `rollout plan -o json` writes it"),
        (b'{"rollout": "web-2.4.1"}', "this is no plan as `rollout plan -o json` writes it"),
        (b'{"rollout": "other", "services": [], "finish": {}}', "this is the plan of other, and not of web-2.4.1"),
    ],
)
def test_what_is_no_plan_of_this_rollout_is_not_put_beside_it(document: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        forecast_in(document, OWN)


def test_five_hundred_services_fit_on_a_few_screens_and_only_what_failed_is_named_in_the_picture(made: Report) -> None:
    good, bad = made.services[0], made.services[2]
    many = [msgspec.structs.replace(good, service=f"web-{n:04}", wave="rest") for n in range(499)]
    many.insert(250, msgspec.structs.replace(bad, service="web-bad"))
    html = page(msgspec.structs.replace(made, services=tuple(many)))
    svg = html[html.index("<svg") : html.index("</svg>")]
    (height,) = re.findall(r'viewBox="0 0 1180 (\d+)', svg)
    assert int(height) < 2_000
    assert re.findall(r'class="name[^"]*">([^<]*)<', svg) == ["web-bad"]
    assert len(svg) < 1_500_000
