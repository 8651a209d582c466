"""A daemon tells people of every rollout, those who are in its settings and those whom a policy names."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

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
