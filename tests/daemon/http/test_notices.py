"""A daemon tells people of every rollout, those who are in its settings and those whom a policy names."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from rollout.cli.main import cli
from rollout.core.freeze_event import SentAgain
from rollout.core.names import ENGINE_STREAM, RolloutId
from rollout.core.notice import Notice, NoticeEvent, NoticeState
from rollout.journal.outbox import Letter, Standing
from rollout.journal.visitor import Visitor
from rollout.settings.model import Allow, Notify, Told


class Receiver(ThreadingHTTPServer):
    """Writes down what it is sent."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.posts.append((self.path, body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        super().__init__(("127.0.0.1", 0), Handler)

    def texts(self, path: str) -> list[str]:
        return [body["text"] for where, body in self.posts if where == path]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_rollout_that_waits_for_a_yes_tells_both_and_resolves_it_once_it_is_given(
    serving: Any, receiver: Receiver, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{receiver.server_port}"
    told = Told.model_validate({"url": f"{url}/settings", "events": ("approval_needed",), "format": "slack"})
    run = {"allow": Allow(hosts=("127.0.0.1",)), "notify": Notify(webhooks={"team": told})}
    with serving(tmp_path / "state", run=run) as daemon:
        events = "[started, approval_needed, finished]"
        notify = f"notify: [{{webhook: '{url}/{{rollout}}', events: {events}, format: slack}}]"
        more = f"approve: {{by: leads, within: 1h}}\n{notify}"
        assert daemon.ask("POST", "/v1/rollouts", daemon.bundle("web-1", ("svc-0001",), more)).status == 201
        plan = daemon.until("web-1", lambda found: found["approvals"])["plan"]
        daemon.wait(lambda: receiver.texts("/settings"))
        body = {"verb": "approve", "reason": "fine", "plan": plan}
        assert daemon.ask("POST", "/v1/rollouts/web-1/actions", body, role="approver").status == 202
        daemon.until("web-1", lambda found: found["closed"])
        daemon.wait(lambda: "finished" in " ".join(receiver.texts("/web-1")))
    asked, over = receiver.texts("/settings")
    assert asked.startswith("[web-1] (OPS-311) needs you: web-1 waits for leads to approve it, until ")
    assert over.startswith("[web-1] (OPS-311) over: web-1 waits for leads to approve it")
    lines = "\n".join(receiver.texts("/web-1")).splitlines()
    assert [line.removeprefix("[web-1] (OPS-311) ")[:24] for line in lines] == [
        "web-1 was started by adm",
        "needs you: web-1 waits f",
        "over: web-1 waits for le",
        "web-1 is finished: 1 of ",
    ]


def dead_letter(key: str, rollout: str) -> Letter:
    own = RolloutId(rollout)
    notice = Notice(key, key, NoticeEvent.NEEDS_ATTENTION, NoticeState.RAISED, own, f"{key} is lost", 0.0, 1, None)
    return Letter(key, "settings/team", own, msgspec.json.encode(notice).decode(), 1_795_773_600.0)


def test_what_nobody_took_is_listed_and_sent_again_in_somebodys_name(
    serving: Any, receiver: Receiver, tmp_path: Path
) -> None:
    told = Told.model_validate(
        {"url": f"http://127.0.0.1:{receiver.server_port}/late", "events": ("needs_attention",), "format": "slack"}
    )
    run = {"allow": Allow(hosts=("127.0.0.1",)), "notify": Notify(webhooks={"team": told})}
    with serving(tmp_path / "state", run=run) as daemon:
        assert daemon.ask("POST", "/v1/rollouts", daemon.bundle("web-1", more="approve: {by: leads}")).status == 201

        async def lose() -> None:
            journal = daemon.site.host.journal
            await journal.put_letters([dead_letter("a", "web-1"), dead_letter("b", "web-2")], 0)
            # The sender may have taken them meanwhile; what counts is how they stand in the end.
            numbers = [each.number for each in read_letters(daemon.state)]
            await journal.tried_letters(numbers, Standing.GIVEN_UP, 5.0, "answered 404")

        daemon.run(lose)
        dead = daemon.ask("GET", "/v1/notices?delivery=given_up", role="viewer").json["items"]
        assert sorted((each["key"], each["rollout"], each["said"]) for each in dead) == [
            ("a", "web-1", "answered 404"),
            ("b", "web-2", "answered 404"),
        ]
        own = daemon.ask("GET", "/v1/notices?rollout=web-1&delivery=given_up").json["items"]
        assert [each["key"] for each in own] == ["a"]
        first = daemon.ask("GET", "/v1/notices?delivery=given_up&limit=1").json
        rest = daemon.ask("GET", f"/v1/notices?delivery=given_up&cursor={first['next']}").json
        assert [len(first["items"]), len(rest["items"])] == [1, 1]
        receiver.posts.clear()
        body = {"reason": "the chat is back", "rollout": "web-1"}
        assert daemon.ask("POST", "/v1/notices", body, role="viewer").status == 403
        assert daemon.ask("POST", "/v1/notices", {"reason": " "}, role="operator").status == 400
        assert daemon.ask("POST", "/v1/notices", body | {"rollout": "nobody"}, role="operator").status == 404
        before = daemon.truth()
        again = daemon.ask("POST", "/v1/notices", body, role="operator")
        assert (again.status, again.json) == (202, {"kind": "accepted", "count": 1})
        daemon.wait(lambda: any("a is lost" in text for text in receiver.texts("/late")))
        assert daemon.ask("POST", "/v1/notices", body, role="operator").json == {"kind": "no_op", "count": 0}
        assert not any("b is lost" in text for text in receiver.texts("/late"))
        assert daemon.truth()[0] == before[0] + 1, "the word is recorded once, for nothing was left to be sent again"
        (entry,) = [each.entry for each in daemon.run(lambda: daemon.site.host.entries(ENGINE_STREAM))]
        assert (entry.actor, entry.fact) == ("operator", SentAgain("operator", "the chat is back", "web-1"))
    verified = CliRunner().invoke(cli, ["audit", "verify", "--state", str(tmp_path / "state")])
    assert verified.exit_code == 0, verified.output


def read_letters(state: Path) -> list[Any]:
    with Visitor.opened(state) as visitor:
        return [each for each in visitor.letters(None, 100) if each.key in {"a", "b"}]
