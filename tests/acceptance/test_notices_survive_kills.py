"""Engines killed with kill -9 while people are told: no notice is lost, and twice comes only what has the same key."""

import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rollout.core.evolve import evolve
from rollout.core.names import ENGINE_STREAM, StreamName, is_service_stream
from rollout.core.news import Progress, news_of_rollout, news_of_service, progressed
from rollout.gates.signature import ReplayCache, verify_signature
from rollout.journal.visitor import Visitor

if TYPE_CHECKING:
    from rollout.core.service import ServiceRollout

LONG = bool(os.environ.get("ROLLOUT_LONG"))
KILLS = 25 if LONG else 3
SERVICES = 12 if LONG else 4
SECRET = "only-for-this-test"  # noqa: S105 - as it says
SETTINGS = """
[allow]
hosts = ["127.0.0.1"]
[webhooks.keys]
k1 = {{ env = "ROLLOUT_TEST_WEBHOOK" }}
[notify.webhooks.team]
url = "{url}/team"
events = ["started", "wave_finished", "service_failed", "needs_attention", "finished"]
[notify.heartbeat]
url = "{url}/heartbeat"
every = "200ms"
"""


class Receiver:
    """A server that writes down what it is sent; every third post to the team is refused at first."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, dict[str, str], bytes]] = []
        self._count = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer._count += 1
                taken = self.path != "/team" or outer._count % 3 != 0
                if taken:
                    outer.posts.append((self.path, dict(self.headers.items()), body))
                self.send_response(200 if taken else 503)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def notices(self, path: str) -> list[dict[str, Any]]:
        return [each for where, _, body in self.posts if where == path for each in json.loads(body)["notices"]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.close()


def drawn(state: Path) -> list[str]:
    """Draw every notice from the whole journal at once, with none of the machinery that is on trial."""
    found: list[str] = []
    services: dict[StreamName, ServiceRollout] = {}
    progress: Progress | None = None
    with Visitor.opened(state) as visitor:
        records = [record for row in visitor.streams() for record in visitor.read(row.stream)]
    for record in sorted(records, key=lambda each: each.position):
        entry = record.entry
        if entry.stream == ENGINE_STREAM:
            continue
        if is_service_stream(entry.stream):
            before = services.get(entry.stream)
            services[entry.stream] = after = evolve(before, entry)
            found += [notice.key for notice in news_of_service(before, after, entry, record.position)]
        else:
            was, progress = progress, progressed(progress, entry)
            found += [notice.key for notice in news_of_rollout(was, progress, entry, record.position)]
    return found


@pytest.mark.timeout(900 if LONG else 180)
def test_engines_that_are_killed_lose_no_notice_and_repeat_only_what_has_the_same_key(
    *,
    emulator: Callable[..., Any],
    policies: Any,
    runs: Any,
    receiver: Receiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    chance = random.Random("2026 notices")  # noqa: S311 - instants, not secrets
    fleet = emulator("--services", str(SERVICES), "--domains", "3", "--time-scale", "2000")
    fleet.faults({"service": "svc-0002", "verb": "walk", "domain": 1, "times": 1, "effect": "fail"})
    waves = "{name: a, select: 2, failure_tolerance: 1, strict: false}\n  - {name: b, select: rest, max_parallel: 2"
    policy = policies.write(SERVICES, name="kills", instances=3, wave=f"{waves}, strict: false}}")
    chat = f"notify: [{{webhook: '{receiver.url}/{{rollout}}', events: [needs_attention, service_failed, finished]}}]"
    policy.write_text(f"{policy.read_text()}{chat}\n")
    settings = tmp_path / "rollout.toml"
    settings.write_text(SETTINGS.format(url=receiver.url))
    monkeypatch.setenv("ROLLOUT_TEST_WEBHOOK", SECRET)
    words = ("--request-timeout", "500ms", "--config", str(settings))

    kills = sum(runs.killed_at_work(chance.uniform(0.0, 1.0), policy, fleet, *words) for _ in range(KILLS))
    ended = runs.run(policy, fleet, *words)
    deadline = time.monotonic() + 30
    while not any(each["event"] == "finished" for each in receiver.notices("/team")) and time.monotonic() < deadline:
        runs.run(policy, fleet, *words)  # an end that was not taken in time is told by the next start

    assert kills == KILLS
    assert ended.returncode == 0, ended.stderr
    expected = drawn(runs.state)
    everything = {"started", "wave_finished", "service_failed", "needs_attention", "finished"}
    for path, wanted in (("/team", everything), ("/kills", everything - {"started", "wave_finished"})):
        notices = receiver.notices(path)
        by_key: dict[str, dict[str, Any]] = {}
        for each in notices:
            assert by_key.setdefault(each["key"], each) == each
        events = {each["key"]: each["event"] for each in receiver.notices("/team")}
        assert [key for key in expected if events[key] in wanted] == list(by_key)
        record_property(f"repeated to {path}", len(notices) - len(by_key))
    assert [each["event"] for each in receiver.notices("/kills")][-1] == "finished"
    failures = [each["sentence"] for each in receiver.notices("/team") if each["event"] == "service_failed"]
    assert any(sentence.startswith("svc-0002 failed: ") for sentence in failures)
    seen = ReplayCache()
    for path, headers, body in receiver.posts:
        if path != "/heartbeat":
            now = float(headers["x-rollout-timestamp"])
            assert verify_signature({"k1": SECRET}, headers, body, now=now, seen=seen) == "k1"
    beats = [json.loads(body) for path, _, body in receiver.posts if path == "/heartbeat"]
    assert beats
    assert all(beat["rollouts"] == ["kills"] for beat in beats)
