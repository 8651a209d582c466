"""What an HTTP answer has to look like, and what of it becomes evidence."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.core.check_plan import HttpSource, Scope
from rollout.core.event import Verdict
from rollout.core.outcome import Unreachable
from rollout.core.snapshot import Absent
from rollout.gates.check import DETAIL_CHARS_MAX, evidence
from rollout.gates.fetch import Answer, NoAnswer, Request
from rollout.gates.http import HttpCheck
from rollout.gates.json_path import value_at
from rollout.settings import Secret
from rollout.simulation.loop import run

Make = Callable[..., Any]


class Scripted:
    def __init__(self, *answers: Answer | NoAnswer) -> None:
        self.answers = list(answers)
        self.asked: list[Request] = []

    async def fetch(self, request: Request) -> Answer | NoAnswer:
        self.asked.append(request)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


def ok(body: bytes = b"", *, status: int = 200, took_s: float = 0.01) -> Answer:
    return Answer(status, body, took_s)


@pytest.fixture
def judge(ask_about: Make, planned: Make) -> Callable[..., Any]:
    def ask(
        answers: Sequence[Answer | NoAnswer], about: Any = None, *, scope: Scope = Scope.DOMAIN, **source: Any
    ) -> Any:
        asked = HttpSource(source.pop("url", "https://a.example/{domain}"), **source)
        fetcher = Scripted(*answers)
        check = HttpCheck(planned(asked, kind="http", scope=scope), asked, fetcher)  # type: ignore[arg-type] # it fetches
        return run(check.ask(ask_about(about, 2, 3))), fetcher.asked

    return ask


@pytest.mark.parametrize(
    ("source", "answer", "verdict", "detail"),
    [
        ({}, ok(), Verdict.PASS, "answered 200 in 0.010 s"),
        ({}, ok(status=503), Verdict.FAIL, "answered 503"),
        ({}, ok(status=302), Verdict.FAIL, "answered 302, and redirects are not followed"),
        ({"statuses": (200, 204)}, ok(status=204), Verdict.PASS, "answered 204 in 0.010 s"),
        ({"latency_s": 0.1}, ok(took_s=0.2), Verdict.FAIL, "answered 200 after 0.200 s"),
        ({"contains": "well"}, ok(b"all is well"), Verdict.PASS, "answered 200 in 0.010 s"),
        ({"contains": "well"}, ok(b"sick"), Verdict.FAIL, "answered 200 without 'well'"),
        ({"fields": {"a.b[1]": "2"}}, ok(b'{"a": {"b": [1, 2]}}'), Verdict.PASS, "answered 200 in 0.010 s"),
        ({"fields": {"a": "true"}}, ok(b'{"a": false}'), Verdict.FAIL, "a is 'false', not 'true'"),
        ({"fields": {"a": "1"}}, ok(b'{"b": 1}'), Verdict.FAIL, "a is nothing, not '1'"),
        ({"fields": {"a": "1"}}, ok(b"<html>"), Verdict.FAIL, "what it says is no JSON"),
        ({}, Answer(200, b"a" * 65_536, 0.1, cut=True), Verdict.UNKNOWN, "says more than 64 KiB, which nobody reads"),
        ({}, NoAnswer("its name stands for no address"), Verdict.UNKNOWN, "its name stands for no address"),
        ({}, NoAnswer("it broke the connection", down=True), Verdict.FAIL, "it broke the connection"),
    ],
)
def test_an_answer_is_judged_by_what_the_policy_wants(
    *, judge: Make, source: dict[str, Any], answer: Any, verdict: Verdict, detail: str
) -> None:
    found, asked = judge([answer], **source)
    assert (found.verdict, found.detail) == (verdict, detail)
    assert [each.url for each in asked] == ["https://a.example/2,3"]


def test_every_sample_has_to_be_well_and_the_first_that_is_not_ends_it(judge: Make) -> None:
    found, asked = judge([ok(), ok(status=500), ok()], samples=3)
    assert (found.verdict, len(asked)) == (Verdict.FAIL, 2)
    found, asked = judge([ok()], samples=3)
    assert (found.verdict, len(asked)) == (Verdict.PASS, 3)


def test_instances_of_the_scope_are_asked_and_the_worst_counts(judge: Make, seen: Make, one: Make) -> None:
    shown = seen(one(0, 2, address="10.0.0.1"), one(1, 3, address="fd00::1"), one(2, 0, address="10.0.0.9"))
    url = "http://{instances}:8080/"
    found, asked = judge([ok()], shown, url=url)
    assert found.detail == "all 2 instances answered well"
    assert {each.url for each in asked} == {"http://10.0.0.1:8080/", "http://[fd00::1]:8080/"}
    _, asked = judge([ok()], shown, url=url, scope=Scope.SERVICE)
    assert len(asked) == 3
    found, _ = judge([ok(), ok(status=500)], shown, url=url)
    assert (found.verdict, found.value) == (Verdict.FAIL, "500")
    assert "1 of 2 instances: web_IN_" in found.detail
    found, _ = judge([NoAnswer("slow")], shown, url=url)
    assert (found.verdict, "and 1 more" in found.detail) == (Verdict.UNKNOWN, True)


@pytest.mark.parametrize(
    ("shown", "verdict", "detail"),
    [
        (Absent("404"), Verdict.FAIL, "there is no deployment: 404"),
        (Unreachable("down"), Verdict.UNKNOWN, "nobody can say where the instances are: down"),
    ],
)
def test_without_a_look_no_instance_can_be_asked(judge: Make, shown: Any, verdict: Verdict, detail: str) -> None:
    found, asked = judge([ok()], shown, url="http://{instances}/")
    assert (found.verdict, found.detail, asked) == (verdict, detail, [])


def test_no_instances_pass_and_instances_without_an_address_are_no_evidence(judge: Make, seen: Make, one: Make) -> None:
    found, _ = judge([ok()], seen(one(0, 0)), url="http://{instances}/")
    assert (found.verdict, found.detail) == (Verdict.PASS, "the domain has no instances")
    found, _ = judge([ok()], seen(one(0, 2)), url="http://{instances}/")
    assert (found.verdict, found.detail) == (Verdict.UNKNOWN, "the platform shows no address of web_IN_0")


def test_what_a_source_says_is_one_line_cut_and_without_our_secrets(planned: Make) -> None:
    secret = Secret("s3cret-that-came-back")
    found = evidence(planned(None), Verdict.FAIL, f"a\nb\x1b[31m {secret.reveal()} " + "c" * 1_000)
    assert "\n" not in found.detail
    assert secret.reveal() not in found.detail
    assert len(found.detail) == DETAIL_CHARS_MAX + 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(document=JSON, path=st.lists(st.sampled_from(["a", "[0]", "[1]", "b"]), min_size=1, max_size=4))
def test_a_path_gives_text_or_nothing_whatever_the_document(document: Any, path: list[str]) -> None:
    found = value_at(document, ".".join(path).replace(".[", "["))
    assert found is None or isinstance(found, str)
