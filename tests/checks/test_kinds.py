"""Every kind of check, asked of real servers, gates a rollout on the emulator: pass, wait, fail, unknown, timeout."""

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from rollout.core import event
from rollout.core.ending import Outcome
from rollout.core.event import Verdict
from rollout.core.gate_event import Baselined
from rollout.core.phase import HeldForPerson
from rollout.core.service import ServiceRollout
from rollout.gates.python import Said, Subject
from rollout.settings.model import MetricServer

SUCCEEDED, ROLLED_BACK, HELD = Outcome.SUCCEEDED, Outcome.ROLLED_BACK, None
Make = Callable[..., Any]
WAITS = 3
"""How often a check that waits says so before it passes."""


def ended(services: dict[str, ServiceRollout]) -> Outcome | None:
    state = services["svc-0001"]
    if state.ended is not None:
        return state.ended.outcome
    assert isinstance(state.phase, HeldForPerson)
    assert state.phase.reason.startswith("no evidence within walk.domain_timeout: ")
    return HELD


def expect(stage: Any, services: dict[str, ServiceRollout], outcome: Outcome | None, verdict: Verdict) -> None:
    assert ended(services) is outcome
    heard = [fact.verdict for fact in stage.facts(event.Probed)]
    assert verdict in heard or any(verdict is each.verdict for each in failing(stage))
    assert stage.facts(Baselined)[0].excused == ()


def failing(stage: Any) -> list[event.Evidence]:
    return [each for fact in stage.facts(event.GateFailed) for each in fact.evidence]


# --- http ---


@pytest.mark.parametrize(
    ("mode", "outcome", "verdict"),
    [
        ("well", SUCCEEDED, Verdict.PASS),
        ("sick", ROLLED_BACK, Verdict.FAIL),
        ("wrong body", ROLLED_BACK, Verdict.FAIL),
        ("slow", ROLLED_BACK, Verdict.FAIL),
        ("hangs up", ROLLED_BACK, Verdict.FAIL),
        ("endless", HELD, Verdict.UNKNOWN),
        ("silent", HELD, Verdict.UNKNOWN),
    ],
)
async def test_an_http_check_of_a_service(
    stage: Make, serving: Make, mode: str, *, outcome: Outcome | None, verdict: Verdict
) -> None:
    on = stage(domain_timeout="20s" if outcome is not HELD else "1s")

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        behaves = mode if on.walked() else "well"
        if behaves == "silent":
            await asyncio.sleep(1_000)
        if behaves == "hangs up":
            assert request.transport is not None
            request.transport.abort()
        if behaves == "slow":
            await asyncio.sleep(0.15)
        if behaves == "endless":
            return web.Response(body=b"a" * 100_000)
        state = "bad" if behaves == "wrong body" else "ok"
        return web.json_response({"parts": [{"state": state}]}, status=503 if behaves == "sick" else 200)

    async with serving(handler) as port:
        url = f"http://127.0.0.1:{port}/{{service}}/healthz"
        check = (
            f"{{http: {{url: '{url}', json: {{'parts[0].state': ok}}, latency: 100ms, samples: 2}}, timeout: 400ms}}"
        )
        _, services = await on.roll_out(check)
    expect(on, services, outcome, verdict)


async def test_an_http_check_asks_each_instance_of_the_walked_domain_and_only_those(stage: Make, serving: Make) -> None:
    on, asked = stage(domains=3), list[tuple[str, int]]()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        host = request.transport.get_extra_info("sockname")[0]
        walks = sum(each.verb == "walk" for each in on.fabric.log())
        asked.append((host, walks))
        return web.Response(status=503 if host == "127.0.0.5" and walks >= 2 else 200)

    async with serving(handler) as port:
        _, services = await on.roll_out(f"{{http: 'http://{{instances}}:{port}/', scope: domain}}")
    assert ended(services) is ROLLED_BACK
    assert {host for host, walks in asked if walks == 0} == {"127.0.0.4", "127.0.0.5", "127.0.0.6"}
    assert {host for host, walks in asked if walks == 1} == {"127.0.0.4"}
    assert "127.0.0.6" not in {host for host, walks in asked if walks > 0}
    assert on.facts(event.GateFailed)[0].domain == 1
    (evidence,) = failing(on)
    assert evidence.detail == "1 of 1 instances: WebRole1_IN_1 answered 503"
    assert (evidence.value, evidence.threshold) == ("503", "200")


async def test_a_port_that_takes_no_connection_fails(stage: Make) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        _, services = await (on := stage()).roll_out(f"{{http: 'http://127.0.0.1:{port}/', moments: [domain]}}")
    assert ended(services) is ROLLED_BACK
    assert failing(on)[0].detail.startswith("it takes no connection: ")


async def test_a_black_hole_is_no_evidence_and_a_person_is_asked(stage: Make, black_hole: Make) -> None:
    on = stage(domain_timeout="1s")
    async with black_hole() as port:
        _, services = await on.roll_out(
            f"{{http: 'http://127.0.0.1:{port}/', moments: [domain], timeout: 200ms}}", "instances: ready"
        )
    assert ended(services) is HELD
    assert on.facts(event.Probed)[-1].evidence[0].detail == "no answer within 0.2 s"


# --- command ---


@pytest.mark.parametrize(
    ("script", "outcome", "verdict"),
    [
        ("exit 0", SUCCEEDED, Verdict.PASS),
        ('echo x >> "$0.n"; [ "$(wc -l < "$0.n")" -gt 3 ] || exit 75', SUCCEEDED, Verdict.WAIT),
        ("echo no space left; exit 1", ROLLED_BACK, Verdict.FAIL),
        ("kill -9 $$", HELD, Verdict.UNKNOWN),
        ("exec sleep 1000", HELD, Verdict.UNKNOWN),
    ],
)
async def test_a_command_check_that_passes_before_the_change(
    stage: Make, tmp_path: Path, script: str, *, outcome: Outcome | None, verdict: Verdict
) -> None:
    file = tmp_path / "smoke.sh"
    file.write_text(f'[ "$ROLLOUT_MOMENT" = before ] && exit 0\n{script}\n', encoding="utf-8")
    commands = {"smoke": ("/bin/sh", str(file))}
    on = stage(domain_timeout="20s" if outcome is not HELD else "1s", commands=commands)
    _, services = await on.roll_out("{command: smoke, timeout: 500ms}")
    expect(on, services, outcome, verdict)


async def test_no_hook_sees_a_credential_of_the_platform(
    stage: Make, serving: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLOUT_CANARY", "c4nary-of-the-management-certificate")
    shown: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        shown.append(f"{dict(request.headers)} {request.transport.get_extra_info('peercert')}")
        return web.json_response({"verdict": "pass"})

    on = stage(
        commands={"env": ("/bin/sh", "-c", f"env >> {tmp_path}/env.txt; ls /proc/self/fd >> {tmp_path}/env.txt")}
    )
    async with serving(handler) as port:
        _, services = await on.roll_out(
            "command: env", f"http: 'http://127.0.0.1:{port}/'", f"webhook: 'http://127.0.0.1:{port}/'"
        )
    assert ended(services) is SUCCEEDED
    seen = (tmp_path / "env.txt").read_text(encoding="utf-8") + "".join(shown)
    assert "c4nary" not in seen
    assert "authorization" not in seen.lower()


# --- webhook ---


@pytest.mark.parametrize(
    ("mode", "outcome", "verdict"),
    [
        ("pass", SUCCEEDED, Verdict.PASS),
        ("wait", SUCCEEDED, Verdict.WAIT),
        ("fail", ROLLED_BACK, Verdict.FAIL),
        ("abort", ROLLED_BACK, Verdict.ABORT),
        ("unknown", HELD, Verdict.UNKNOWN),
        ("nonsense", HELD, Verdict.UNKNOWN),
        ("500", HELD, Verdict.UNKNOWN),
        ("silent", HELD, Verdict.UNKNOWN),
    ],
)
async def test_a_webhook_check_that_is_signed(
    stage: Make, serving: Make, mode: str, *, outcome: Outcome | None, verdict: Verdict
) -> None:
    from rollout import ReplayCache, verify_signature

    on = stage(domain_timeout="20s" if outcome is not HELD else "1s")
    seen, waited = ReplayCache(), 0

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal waited
        body = await request.read()
        sent = float(request.headers["x-rollout-timestamp"])
        verify_signature({"k1": "a key of this test"}, request.headers, body, now=sent + 1, seen=seen)
        said = "pass" if json.loads(body)["moment"] == "before" else mode
        if said == "silent":
            await asyncio.sleep(1_000)
        if said == "wait":
            waited += 1
            said = "wait" if waited <= WAITS else "pass"
        return web.json_response({"verdict": said, "reason": f"said {said}"}, status=500 if said == "500" else 200)

    async with serving(handler) as port:
        _, services = await on.roll_out(f"{{webhook: 'http://127.0.0.1:{port}/v', timeout: 300ms}}")
    expect(on, services, outcome, verdict)
    if mode == "abort":
        assert on.facts(event.GateFailed)[0].reason == "webhook: said abort"


# --- python ---


@pytest.mark.parametrize(
    ("mode", "outcome", "verdict"),
    [
        ("pass", SUCCEEDED, Verdict.PASS),
        ("wait", SUCCEEDED, Verdict.WAIT),
        ("fail", ROLLED_BACK, Verdict.FAIL),
        ("raises", HELD, Verdict.UNKNOWN),
        ("nonsense", HELD, Verdict.UNKNOWN),
        ("silent", HELD, Verdict.UNKNOWN),
    ],
)
async def test_a_python_check_given_to_the_embedding_api(
    stage: Make, mode: str, *, outcome: Outcome | None, verdict: Verdict
) -> None:
    waited = 0

    async def judge(subject: Subject) -> Said:
        nonlocal waited
        assert (subject.service, subject.slot) == ("svc-0001", "production")
        if subject.moment == "before" or mode == "pass":
            return Verdict.PASS
        if mode == "wait":
            waited += 1
            return ("wait", "not yet") if waited <= WAITS else "pass"
        if mode == "raises":
            raise ZeroDivisionError("a mistake of its own")
        if mode == "silent":
            await asyncio.sleep(1_000)
        return mode, "as asked"

    on = stage(domain_timeout="20s" if outcome is not HELD else "1s", functions={"gates.web:judge": judge})
    _, services = await on.roll_out("{python: 'gates.web:judge', timeout: 200ms}")
    expect(on, services, outcome, verdict)


# --- metric ---


@pytest.mark.parametrize(
    ("query", "outcome", "verdict"),
    [
        ("max(errors) < 0.5", SUCCEEDED, Verdict.PASS),
        ("max(errors_now) < 0.5", ROLLED_BACK, Verdict.FAIL),
        ("max(no_such_number) < 0.5", HELD, Verdict.UNKNOWN),
        ("sum(errors) without (a, < 0.5", HELD, Verdict.UNKNOWN),
    ],
)
async def test_a_metric_check_of_a_real_prometheus(
    stage: Make, metrics: Any, query: str, *, outcome: Outcome | None, verdict: Verdict
) -> None:
    metrics.show(errors=0.1, errors_now=1.0)
    metrics.until("errors_now == 1")
    on = stage(
        domain_timeout="20s" if outcome is not HELD else "1s", metrics={"default": MetricServer(url=metrics.url)}
    )
    if "without" in query:
        check = "{metric: {query: 'sum(errors) by', threshold: < 0.5}, moments: [domain]}"
    else:
        check = f"{{metric: '{query}', moments: [domain]}}"
    _, services = await on.roll_out(check)
    assert ended(services) is outcome
    heard = [each for fact in on.facts(event.Probed) + on.facts(event.GateFailed) for each in fact.evidence]
    assert verdict in {each.verdict for each in heard}
    if verdict is Verdict.FAIL:
        assert failing(on)[0].detail.startswith("1 is not < 0.5")
        assert (failing(on)[0].value, failing(on)[0].threshold) == ("1", "< 0.5")


async def test_a_metric_server_that_never_answers_is_no_evidence(stage: Make, black_hole: Make) -> None:
    async with black_hole() as port:
        on = stage(domain_timeout="1s", metrics={"default": MetricServer(url=f"http://127.0.0.1:{port}")})
        _, services = await on.roll_out("{metric: 'a < 1', moments: [domain], timeout: 200ms}")
    assert ended(services) is HELD


@pytest.mark.parametrize("worse", [True, False])
async def test_walked_domains_are_compared_with_the_others_on_a_real_prometheus(
    stage: Make, metrics: Any, *, worse: bool
) -> None:
    late = {f"latency@127.0.0.{host}": 1.0 + host / 100 for host in range(4, 10)}
    if worse:
        late["latency@127.0.0.4"] = 3.0
    metrics.show(errors=0.0, **late)
    metrics.until(f"count(count_over_time(latency[2s]) > 8) == {len(late)}")
    if worse:
        metrics.until('count_over_time((latency{instance=~"127.0.0.4:.*"} > 2)[2s:100ms]) > 12')
    on = stage(domains=6, metrics={"default": MetricServer(url=metrics.url)}, domain_timeout="10s")
    check = (
        "{metric: {query: latency, compare: walked|unwalked, range: 1s, step: 100ms}, scope: domain, moments: [domain]}"
    )
    _, services = await on.roll_out(check)
    assert ended(services) is (ROLLED_BACK if worse else SUCCEEDED)
    if worse:
        assert failing(on)[0].detail.startswith("walked domains are worse than the others: median 3 against 1.")
