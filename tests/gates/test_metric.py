"""Numbers of a metric server: one query serves everybody who wants the same, and no data is no evidence."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from rollout.core.check_plan import MetricSource, Scope
from rollout.core.event import Evidence, Verdict
from rollout.core.outcome import Unreachable
from rollout.gates.fetch import Answer, NoAnswer, Request
from rollout.gates.metric import MetricCheck
from rollout.gates.prometheus import ANSWERS_MAX, ASK_S_MAX, REPLY_BYTES_MAX, Prometheus, Query, Server, read_result
from rollout.settings import Secret
from rollout.simulation.loop import elapsed, run

Make = Callable[..., Any]


def vector(*rows: tuple[dict[str, str], str]) -> bytes:
    result = [{"metric": labels, "value": [0, value]} for labels, value in rows]
    return msgspec.json.encode({"status": "success", "data": {"resultType": "vector", "result": result}})


def matrix(*rows: tuple[dict[str, str], list[float]]) -> bytes:
    result = [{"metric": labels, "values": [[0, str(each)] for each in values]} for labels, values in rows]
    return msgspec.json.encode({"status": "success", "data": {"resultType": "matrix", "result": result}})


class Scripted:
    """A fetcher that answers as it is told, after so many seconds."""

    def __init__(self, answer: Answer | NoAnswer | bytes, takes_s: float = 0.0) -> None:
        self.answer = Answer(200, answer, 0.0) if isinstance(answer, bytes) else answer
        self.takes_s = takes_s
        self.asked: list[Request] = []

    async def fetch(self, request: Request) -> Answer | NoAnswer:
        self.asked.append(request)
        await asyncio.sleep(self.takes_s)
        return self.answer


def servers(fetcher: Scripted, **named: Server) -> Prometheus:
    known = named or {"default": Server("http://prometheus:9090/")}
    return Prometheus(known, fetcher, elapsed, lambda: 1_000.0 + elapsed())  # type: ignore[arg-type] # it fetches


@pytest.fixture
def judge(ask_about: Make, planned: Make) -> Callable[..., Evidence]:
    def ask(source: MetricSource, answer: Any, *about: Any, scope: Scope = Scope.SERVICE, **question: Any) -> Evidence:
        async def main() -> Evidence:
            check = MetricCheck(planned(source, kind="metric", scope=scope), source, servers(Scripted(answer)))
            return await check.ask(ask_about(*about, **question))

        return run(main())

    return ask


BELOW = MetricSource("errors", "<", 0.5)


@pytest.mark.parametrize(
    ("operator", "value", "verdict"),
    [
        ("<", "0.4", Verdict.PASS),
        ("<", "0.5", Verdict.FAIL),
        ("<=", "0.5", Verdict.PASS),
        (">", "0.5", Verdict.FAIL),
        (">=", "0.5", Verdict.PASS),
        ("<", "+Inf", Verdict.FAIL),
    ],
)
def test_a_number_is_held_against_its_bound(judge: Make, operator: str, value: str, verdict: Verdict) -> None:
    evidence = judge(MetricSource("errors", operator, 0.5), vector(({}, value)))
    assert (evidence.verdict, evidence.threshold) == (verdict, f"{operator} 0.5")
    assert evidence.value == f"{float(value):g}"


def test_one_series_out_of_bounds_is_enough_and_is_named(judge: Make) -> None:
    evidence = judge(BELOW, vector(({"host": "a"}, "0.1"), ({"host": "b", "__name__": "errors"}, "0.9")))
    assert evidence.detail == "0.9 is not < 0.5 (1 of 2 series) at host=b"


def test_of_a_range_the_newest_number_counts(judge: Make) -> None:
    assert judge(BELOW, matrix(({}, [0.9, 0.8, 0.1]))).verdict is Verdict.PASS


@pytest.mark.parametrize(
    "answer",
    [
        vector(),
        vector(({}, "NaN")),
        NoAnswer("it takes no connection", down=True),
        Answer(503, b"<html>", 0.0),
        Answer(400, b'{"status": "error", "errorType": "bad_data", "error": "parse error"}', 0.0),
        Answer(200, b'{"status": "success"}', 0.0),
        Answer(200, b'{"status": "success", "data": {"resultType": "string", "result": [0, "a"]}}', 0.0),
        Answer(200, vector(({}, "0.1")), 0.0, cut=True),
        vector(({}, "many")),
        b"[" * 100_000,
    ],
)
def test_no_data_or_no_answer_is_no_evidence(judge: Make, answer: Any) -> None:
    assert judge(BELOW, answer).verdict is Verdict.UNKNOWN


def test_with_a_label_of_the_service_only_its_own_series_count(judge: Make) -> None:
    source = MetricSource("errors", "<", 0.5, service_label="job")
    answer = vector(({"job": "web"}, "0.1"), ({"job": "api"}, "0.9"))
    assert judge(source, answer, None, service="web").verdict is Verdict.PASS
    assert judge(source, answer, None, service="api").verdict is Verdict.FAIL
    missing = judge(source, answer, None, service="other")
    assert (missing.verdict, missing.detail) == (Verdict.UNKNOWN, "the query has no data for this service")


# --- one query for many ---


def asked_by(count: int, *, apart_s: float = 0.0, takes_s: float = 0.0, since_t: float = 0.0, text: str = "a") -> int:
    """Let so many services ask the same; gives how many queries went out."""
    fetcher = Scripted(vector(({}, "1")), takes_s)

    async def main() -> int:
        prometheus = servers(fetcher)
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                query = Query("default", text)
                asking = prometheus.ask(query, since_t=since_t, interval_s=15.0)
                group.create_task(_later(number * apart_s, asking))
        await prometheus.close()
        return prometheus.queries

    return run(main())


async def _later(seconds: float, asking: Any) -> None:
    await asyncio.sleep(seconds)
    assert len(await asking) == 1


def test_a_thousand_services_that_ask_within_an_interval_share_one_query() -> None:
    assert asked_by(1_000, apart_s=0.01, takes_s=3.0) == 1
    assert asked_by(1_000, apart_s=0.15) == 10, "150 seconds are ten intervals"


def test_an_answer_from_before_the_gate_began_is_not_used() -> None:
    fetcher = Scripted(vector(({}, "1")))

    async def main() -> list[float]:
        prometheus, times = servers(fetcher), list[float]()
        for since_t in (0.0, 0.0, 4.0, 4.0):
            await prometheus.ask(Query("default", "a"), since_t=since_t, interval_s=15.0)
            times.append(prometheus.queries)
            await asyncio.sleep(2.0)
        return times

    assert run(main()) == [1, 1, 2, 2]


def test_who_leaves_does_not_take_the_answer_from_the_others() -> None:
    fetcher = Scripted(vector(({}, "1")), takes_s=5.0)

    async def main() -> float:
        prometheus, query = servers(fetcher), Query("default", "a")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(prometheus.ask(query, since_t=0.0, interval_s=15.0), 1.0)
        assert len(await prometheus.ask(query, since_t=0.0, interval_s=15.0)) == 1  # type: ignore[arg-type] # it is one
        return elapsed()

    assert run(main()) == 5.0
    assert len(fetcher.asked) == 1


def test_a_server_that_hangs_is_given_up_and_keeps_no_worker_from_another() -> None:
    hanging, well = Scripted(b"", takes_s=1e6), Scripted(vector(({}, "1")))

    class Both:
        async def fetch(self, request: Request) -> Answer | NoAnswer:
            return await (hanging if "hangs" in request.url else well).fetch(request)

    async def main() -> float:
        named = {"hangs": Server("http://hangs"), "well": Server("http://well")}
        prometheus = Prometheus(named, Both(), elapsed, elapsed)  # type: ignore[arg-type] # it fetches
        async with asyncio.TaskGroup() as group:
            for number in range(50):
                group.create_task(prometheus.ask(Query("hangs", f"{number}"), since_t=0.0, interval_s=15.0))
            answer = await prometheus.ask(Query("well", "a"), since_t=0.0, interval_s=15.0)
            assert len(answer) == 1  # type: ignore[arg-type] # it is an answer
            assert elapsed() == 0.0
        await prometheus.close()
        return elapsed()

    assert run(main()) == ASK_S_MAX


def test_answers_that_are_kept_are_bounded() -> None:
    async def main() -> int:
        prometheus = servers(Scripted(vector(({}, "1"))))
        for number in range(ANSWERS_MAX + 5):
            await prometheus.ask(Query("default", f"{number}"), since_t=0.0, interval_s=15.0)
        return len(prometheus._batches)

    assert run(main()) == ANSWERS_MAX


def test_a_query_is_quoted_dated_and_signed_for() -> None:
    fetcher = Scripted(vector(({}, "1")))

    async def main() -> None:
        prometheus = servers(fetcher, default=Server("http://prometheus:9090", Secret("t0ken-of-the-server")))
        await prometheus.ask(Query("default", 'a{b="c&d"}'), since_t=0.0, interval_s=15.0)
        await prometheus.ask(Query("default", "a", range_s=300.0, step_s=5.0), since_t=0.0, interval_s=15.0)
        await prometheus.ask(Query("other", "a"), since_t=0.0, interval_s=15.0)

    run(main())
    instant, ranged = fetcher.asked
    assert instant.url == "http://prometheus:9090/api/v1/query?query=a%7Bb%3D%22c%26d%22%7D&time=1000.000"
    assert ranged.url.endswith("/api/v1/query_range?query=a&start=700.000&end=1000.000&step=5")
    assert instant.headers == {"Authorization": "Bearer t0ken-of-the-server"}
    assert (instant.trusted, instant.body_bytes_max) == (True, REPLY_BYTES_MAX)


def test_a_scalar_is_one_series_without_labels() -> None:
    body = b'{"status": "success", "data": {"resultType": "scalar", "result": [0, "2"]}}'
    (series,) = read_result(200, body)  # type: ignore[misc] # it is an answer
    assert (series.labels, series.values) == ({}, (2.0,))


# --- walked against the others ---

COMPARED = MetricSource("latency", range_s=60.0, min_effect=0.1)


@pytest.mark.parametrize(
    ("walked", "worse", "verdict"),
    [
        (2.0, "higher", Verdict.FAIL),
        (1.0, "higher", Verdict.PASS),
        (1.06, "higher", Verdict.PASS),
        (0.5, "higher", Verdict.PASS),
        (0.5, "lower", Verdict.FAIL),
        (2.0, "lower", Verdict.PASS),
    ],
)
def test_walked_domains_are_judged_against_the_others(
    *, judge: Make, seen: Make, one: Make, walked: float, worse: str, verdict: Verdict
) -> None:
    shown = seen(*(one(number, number, address=f"10.0.0.{number}") for number in range(4)))
    rows = [({"instance": f"10.0.0.{n}:9100"}, [1.0 + step / 100 for step in range(6)]) for n in range(1, 4)]
    ours = ({"instance": "web_IN_0"}, [walked + step / 100 for step in range(6)])
    source = MetricSource("latency", range_s=60.0, min_effect=0.1, worse=worse)
    evidence = judge(source, matrix(ours, *rows), shown, 0)
    assert evidence.verdict is verdict, evidence.detail
    assert evidence.threshold.endswith("10% worse")


def test_a_label_of_the_domain_needs_no_names(judge: Make, seen: Make) -> None:
    rows = [({"domain": f"{n % 2}"}, [float(n % 2 == 0) * 5 + 1 + n / 10] * 4) for n in range(4)]
    source = MetricSource("latency", range_s=60.0, domain_label="domain")
    assert judge(source, matrix(*rows, ({"domain": "none"}, [9.0])), seen(), 0).verdict is Verdict.FAIL
    assert judge(source, matrix(*rows), seen(), 1).verdict is Verdict.PASS


def test_too_few_numbers_or_nobody_who_looks_is_no_evidence(judge: Make, seen: Make, one: Make) -> None:
    shown = seen(one(0, 0), one(1, 1), one(2, None))
    few = matrix(
        ({"instance": "web_IN_0"}, [1.0] * 9), ({"instance": "web_IN_1"}, [1.0] * 3), ({"instance": "x"}, [1.0])
    )
    evidence = judge(COMPARED, few, shown, 0)
    assert (evidence.verdict, evidence.detail) == (
        Verdict.UNKNOWN,
        "9 numbers of walked and 3 of other domains are too few to compare",
    )
    dark = judge(COMPARED, few, Unreachable("down"), 0)
    assert (dark.verdict, dark.detail) == (Verdict.UNKNOWN, "nobody can say which instances have been walked")
