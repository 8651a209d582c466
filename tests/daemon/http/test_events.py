"""Live events over sockets: everything first, then each entry once, resumed by position, in any number of readers."""

import http.client
import json
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import msgspec
import pytest

SERVICES = ("svc-0001", "svc-0002")
WAITS = "approve: {by: leads, within: 1h}"


class Reader:
    """Reads events one by one."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self._answer = answer

    def next(self) -> tuple[str, int | None, Any]:
        """Give kind, position and document of the next event."""
        fields: dict[str, str] = {}
        while line := self._answer.readline().decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            fields[name] = value
        if not fields:
            raise EOFError
        position = int(fields["id"]) if "id" in fields else None
        return fields["event"], position, json.loads(fields["data"])

    def until(self, wanted: Callable[[str, Any], bool]) -> list[tuple[str, int | None, Any]]:
        """Read until an event is as wanted; gives all of them."""
        came = [self.next()]
        while not wanted(came[-1][0], came[-1][2]):
            came.append(self.next())
        return came


@contextmanager
def reading(daemon: Any, path: str = "/v1/events", **headers: str) -> Iterator[Reader]:
    shown = {"Authorization": f"Bearer {daemon.token('viewer')}"} | {k.replace("_", "-"): v for k, v in headers.items()}
    with closing(http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=20)) as connection:
        connection.request("GET", path, headers={k: v for k, v in shown.items() if v})
        with closing(connection.getresponse()) as answer:
            yield Reader(answer)


@pytest.fixture
def alive(own_daemon: Callable[..., Any]) -> Iterator[Any]:
    with own_daemon() as daemon:
        yield daemon


def submit(daemon: Any, rollout: str, more: str = "", services: tuple[str, ...] = SERVICES) -> None:
    assert daemon.ask("POST", "/v1/rollouts", daemon.bundle(rollout, services, more)).status == 201


def test_everything_comes_first_and_then_every_entry_once_in_order(alive: Any) -> None:
    submit(alive, "web-1", WAITS)
    alive.until("web-1", lambda found: found["approvals"])
    with reading(alive) as reader:
        kind, position, snapshot = reader.next()
        assert (kind, position) == ("snapshot", snapshot["position"])
        assert position is not None
        assert [head["id"] for head in snapshot["rollouts"]] == ["web-1"]
        assert [row["service"] for row in snapshot["services"]] == list(SERVICES)
        word = {"verb": "abort", "reason": "enough", "confirm_count": 2}
        assert alive.ask("POST", "/v1/rollouts/web-1/actions", word).status == 202
        came = reader.until(lambda kind, found: kind == "entry" and found["kind"] == "rollout_closed")
    entries = [(place, found) for kind, place, found in came if kind == "entry"]
    assert [place for place, _ in entries] == list(range(position + 1, position + 1 + len(entries)))
    closed = next(found for _, found in entries if found["kind"] == "closed")
    assert (closed["row"]["service"], closed["row"]["outcome"]) == (closed["service"], "cancelled")
    assert any(found["actor"] == "admin" and found["kind"] == "aborted" for _, found in entries)


def test_a_head_follows_what_changes_a_rollout(alive: Any) -> None:
    submit(alive, "web-1", WAITS)
    alive.until("web-1", lambda found: found["approvals"])
    with reading(alive) as reader:
        reader.next()
        word = {"verb": "pause", "reason": "x", "service": "svc-0001"}
        assert alive.ask("POST", "/v1/rollouts/web-1/actions", word).status == 202
        *_, (_, position, head) = reader.until(lambda kind, _: kind == "head")
    assert position is None
    assert (head["id"], head["waiting"]) == ("web-1", 1)


def test_a_rollout_that_a_mistake_of_ours_stops_is_told_live_although_nothing_is_recorded_of_it(alive: Any) -> None:
    submit(alive, "web-1", WAITS)
    alive.until("web-1", lambda found: found["approvals"])
    failed = alive.site.host.failed
    with reading(alive) as reader:
        assert reader.next()[2]["rollouts"][0]["trouble"] is None
        alive.run(lambda: failed.update({"web-1": "InvariantBroken: seven of six"}))
        *_, (_, _, head) = reader.until(lambda kind, found: kind == "head" and found["trouble"])
        assert head["sentence"].startswith("web-1 STANDS STILL")
        word = {"verb": "retry", "reason": "the log was read"}
        assert alive.ask("POST", "/v1/rollouts/web-1/actions", word).status == 202
        *_, (_, _, head) = reader.until(lambda kind, found: kind == "head" and not found["trouble"])
    assert (head["id"], head["running"]) == ("web-1", True)


def test_a_reader_resumes_behind_the_last_event_it_saw(alive: Any) -> None:
    submit(alive, "web-1", WAITS)
    alive.until("web-1", lambda found: found["approvals"])
    last = alive.truth()[0]
    for headers, path in (({"Last_Event_ID": "2"}, "/v1/events"), ({}, "/v1/events?after=2")):
        with reading(alive, path, **headers) as reader:
            came = [reader.next() for _ in range(last - 2)]
        assert [(kind, place) for kind, place, _ in came] == [("entry", place) for place in range(3, last + 1)]


@pytest.mark.parametrize(("shown", "status"), [("999999", 410), ("-1", 400), ("x", 400), ("9" * 30, 400)])
def test_a_position_that_is_not_there_is_gone_or_none(daemon: Any, shown: str, status: int) -> None:
    with reading(daemon, Last_Event_ID=shown) as reader:
        assert reader.status == status


def test_events_before_what_is_kept_are_gone(own_daemon: Callable[..., Any], unhurried: Any) -> None:
    with own_daemon(msgspec.structs.replace(unhurried, replay=2)) as daemon:
        submit(daemon, "web-1", WAITS)
        daemon.until("web-1", lambda found: found["approvals"])
        with reading(daemon, Last_Event_ID="1") as reader:
            assert reader.status == 410
        answer = daemon.ask("GET", "/v1/events", headers={"Last-Event-ID": "1"})
        assert "Last-Event-ID" in answer.json["instead"]


def test_one_rollouts_events_can_be_followed_alone(alive: Any) -> None:
    submit(alive, "web-1", WAITS)
    submit(alive, "web-2", WAITS, ("svc-0005",))
    alive.until("web-2", lambda found: found["approvals"])
    with reading(alive, "/v1/events?rollout=web-2") as reader:
        snapshot = reader.next()[2]
        assert [row["service"] for row in snapshot["services"]] == ["svc-0005"]
        for rollout in ("web-1", "web-2"):
            word = {"verb": "pause", "reason": "x"}
            assert alive.ask("POST", f"/v1/rollouts/{rollout}/actions", word).status == 202
        assert {
            found["rollout"] for kind, _, found in reader.until(lambda kind, _: kind == "head") if kind == "entry"
        } == {"web-2"}
    assert alive.ask("GET", "/v1/events?rollout=nobody").status == 404


def test_a_quiet_stream_beats(daemon: Any) -> None:
    with reading(daemon) as reader:
        reader.next()
        kind, position, found = reader.next()
    assert (kind, position) == ("heartbeat", None)
    assert found["position"] == daemon.truth()[0]


def test_a_ticket_opens_one_stream(daemon: Any) -> None:
    ticket = daemon.ask("POST", "/v1/tickets", {"for": "events"}, role="viewer").json["ticket"]
    with reading(daemon, f"/v1/events?ticket={ticket}", Authorization="") as reader:
        assert reader.next()[0] == "snapshot"
    with reading(daemon, f"/v1/events?ticket={ticket}", Authorization="") as reader:
        assert reader.status == 401


def test_streams_end_when_the_daemon_does(own_daemon: Callable[..., Any]) -> None:
    with own_daemon() as daemon:
        holding = reading(daemon)
        reader = holding.__enter__()
        assert reader.next()[0] == "snapshot"
    with pytest.raises(EOFError):
        reader.until(lambda *_: False)
    holding.__exit__(None, None, None)


def test_a_reader_that_leaves_at_once_is_nobodys_mistake(daemon: Any, caplog: pytest.LogCaptureFixture) -> None:
    request = f"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {daemon.token()}\r\n\r\n"
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", daemon.port)) as leaving:
            leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            leaving.sendall(request.encode())
    daemon.wait(lambda: daemon.ask("GET", "/v1/status").json["streams"] == 0)
    assert [record for record in caplog.records if record.name.startswith("aiohttp")] == []
