"""Framing and load (security.md, 4.3): what is no request is refused, and a crowd is held off."""

import gzip
import http.client
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

import msgspec
import pytest

from rollout.daemon.http.limits import HttpLimits

BODY = '{"on": true, "reason": "because"}'
JSON = ("Content-Type: application/json", f"Content-Length: {len(BODY)}")


def status_of(answer: bytes) -> int:
    """Give the status; 0 = the connection was closed without one."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0


def send(daemon: Any, *lines: str, body: bytes = b"", **more: Any) -> int:
    answer = daemon.raw(daemon.head(*lines, **more) + body)
    assert b"Traceback" not in answer
    return status_of(answer)


def test_d1_a_body_of_two_mebibytes(unharmed: Any) -> None:
    assert unharmed.ask("POST", "/v1/freeze", b'{"reason": "' + b"x" * (2 << 20) + b'"}').status == 413
    chunked = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    lines = ("Content-Type: application/json", "Transfer-Encoding: chunked")
    assert send(unharmed, *lines, body=chunked * 17) == 413


def test_d2_a_gzip_bomb(unharmed: Any) -> None:
    bomb = gzip.compress(b'{"reason": "' + b"x" * (20 << 20))
    assert send(unharmed, JSON[0], f"Content-Length: {len(bomb)}", "Content-Encoding: gzip", body=bomb) == 415


def test_d3_a_length_and_a_transfer_encoding(unharmed: Any) -> None:
    body = b"0\r\n\r\n"
    assert send(unharmed, JSON[0], "Content-Length: 5", "Transfer-Encoding: chunked", body=body) == 400


def test_d4_two_lengths_are_refused(unharmed: Any) -> None:
    assert send(unharmed, *JSON, f"Content-Length: {len(BODY) + 1}", body=BODY.encode()) == 400


def test_d5_a_negative_length(unharmed: Any) -> None:
    assert send(unharmed, JSON[0], "Content-Length: -1", body=BODY.encode()) == 400


def test_d6_a_length_with_a_sign(unharmed: Any) -> None:
    assert send(unharmed, JSON[0], "Content-Length: +5", body=BODY.encode()) == 400


def test_d7_a_chunk_without_a_size(unharmed: Any) -> None:
    assert send(unharmed, JSON[0], "Transfer-Encoding: chunked", body=b"zz\r\n{}\r\n0\r\n\r\n") == 400


def test_d8_an_unknown_transfer_encoding(unharmed: Any) -> None:
    assert send(unharmed, JSON[0], "Transfer-Encoding: xchunked", body=BODY.encode()) == 400


def test_d9_a_large_header(unharmed: Any) -> None:
    assert send(unharmed, f"X-Large: {'x' * 65_536}", *JSON, body=BODY.encode()) in {400, 431}
    assert send(unharmed, *(f"X-{n}: {'x' * 1_000}" for n in range(9)), *JSON, body=BODY.encode()) == 431


def test_d10_ten_thousand_headers(unharmed: Any) -> None:
    assert send(unharmed, *(f"X-{n}: y" for n in range(10_000)), *JSON, body=BODY.encode()) in {400, 431}


def test_d11_a_long_target(unharmed: Any) -> None:
    assert send(unharmed, method="GET", path=f"/v1/rollouts?cursor={'x' * 65_536}") in {400, 414}
    assert send(unharmed, method="GET", path=f"/v1/rollouts?cursor={'x' * 4_000}") == 414


def test_d12_a_folded_header(unharmed: Any) -> None:
    assert send(unharmed, "X-Folded: a\r\n b", *JSON, body=BODY.encode()) == 400


def test_d13_bare_line_feeds(unharmed: Any) -> None:
    request = unharmed.head(*JSON).replace(b"\r\n", b"\n") + BODY.encode()
    assert status_of(unharmed.raw(request)) == 400


def test_d14_a_nul_in_a_header(unharmed: Any) -> None:
    assert send(unharmed, "X-Nul: a\0b", *JSON, body=BODY.encode()) == 400


def test_d15_a_blank_before_the_colon(unharmed: Any) -> None:
    assert send(unharmed, "Content-Length : 5", JSON[0], body=BODY.encode()) == 400


@pytest.mark.parametrize(
    "line", [b"GET /v1/me\r\n\r\n", b"GET /healthz\r\n\r\n", b"POST /v1/freeze\r\nHost: 127.0.0.1\r\n\r\n"]
)
def test_d16_a_request_line_without_a_version(unharmed: Any, line: bytes) -> None:
    assert status_of(unharmed.raw(line)) == 400


def test_d17_the_preface_of_http_2(unharmed: Any) -> None:
    assert status_of(unharmed.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")) in {400, 505}


def test_d18_a_tls_hello_on_the_plain_port(unharmed: Any) -> None:
    assert status_of(unharmed.raw(bytes.fromhex("16030100c8010000c40303") + b"\x5a" * 180)) == 400


def test_d19_a_trace_is_refused(unharmed: Any) -> None:
    assert send(unharmed, method="TRACE") == 405


def test_d20_a_connect_is_refused(unharmed: Any) -> None:
    assert 400 <= send(unharmed, method="CONNECT", path="127.0.0.1:22") < 500
    assert 400 <= send(unharmed, method="CONNECT", path="/v1/freeze") < 500


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "PROPFIND"])
def test_d21_a_put_is_refused(unharmed: Any, method: str) -> None:
    answer = unharmed.ask(method, "/v1/rollouts", {"policy": "x"})
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, POST"


def test_d22_a_method_override(unharmed: Any) -> None:
    headers = {"X-HTTP-Method-Override": "POST", "X-Method-Override": "POST", "X-HTTP-Method": "DELETE"}
    assert unharmed.ask("GET", "/v1/freeze", headers=headers).json == {"frozen": False}


@pytest.mark.parametrize(
    "path", ["/ui/%2e%2e%2f%2e%2e%2fsite.py", "/v1/rollouts/%2e%2e%2fme", "/ui/..%5csite.py", "/%2e%2e/x"]
)
def test_d23_escaped_dots_in_the_path(unharmed: Any, path: str) -> None:
    assert send(unharmed, method="GET", path=path) in {400, 404}


@pytest.mark.parametrize("path", ["//evil.example", "//evil.example/v1/me", "//v1/me"])
def test_d24_a_path_that_is_a_host(unharmed: Any, path: str) -> None:
    assert send(unharmed, method="GET", path=path) == 404


@pytest.mark.parametrize("path", ["/v1/rollouts/%0d%0aSet-Cookie:%20x=y", "/v1/%0d%0a%0d%0a", "/ui/%0aX: y"])
def test_d25_line_ends_in_the_path(unharmed: Any, path: str) -> None:
    answer = unharmed.raw(unharmed.head(method="GET", path=path.replace(" ", "%20")))
    assert status_of(answer) in {400, 404}
    assert b"set-cookie" not in answer.partition(b"\r\n\r\n")[0].lower()


def test_d26_an_unknown_expectation(unharmed: Any) -> None:
    assert send(unharmed, "Expect: a-miracle", *JSON, body=BODY.encode()) == 417
    answer = unharmed.raw(unharmed.head("Expect: 100-continue", *JSON, path="/v1/tickets"))
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\n")


def test_d27_an_upgrade_to_h2c(unharmed: Any) -> None:
    lines = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
    assert send(unharmed, *lines, method="GET", path="/v1/freeze") == 200


def test_d28_a_range_of_json(unharmed: Any) -> None:
    answer = unharmed.ask("GET", "/v1/freeze", headers={"Range": "bytes=0-3"})
    assert (answer.status, answer.json) == (200, {"frozen": False})


def test_d29_three_hundred_halves_of_a_head(unharmed: Any) -> None:
    with ExitStack() as stack:
        halves = [
            stack.enter_context(socket.create_connection(("127.0.0.1", unharmed.port), timeout=20)) for _ in range(300)
        ]
        for each in halves:
            each.sendall(b"GET /v1/me HTTP/1.1\r\nHost: 127.0")
        took_s = []
        for _ in range(20):
            began_s = time.monotonic()
            assert unharmed.ask("GET", "/v1/me").status == 200
            took_s.append(time.monotonic() - began_s)
        assert sorted(took_s)[10] < 0.1
        assert all(not each.recv(1) for each in halves)


def test_d30_fifty_slow_bodies(unharmed: Any) -> None:
    with ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection(("127.0.0.1", unharmed.port), timeout=10)) for _ in range(50)
        ]
        for each in slow:
            each.sendall(unharmed.head(*JSON) + b"{")
        for each in slow:
            each.sendall(b'"')
            answer = each.recv(4_096)
            assert status_of(answer) == 408
            with suppress(ConnectionResetError):  # closed with the rest of the body unread
                while each.recv(4_096):
                    pass


def test_d31_one_stream_too_many(unharmed: Any) -> None:
    most, most_of_one = 32, 8
    with ExitStack() as stack:
        for number in range(most):
            token = unharmed.token("viewer", f"viewer-{number // most_of_one}")
            opened = http.client.HTTPConnection("127.0.0.1", unharmed.port, timeout=10)
            stack.callback(opened.close)
            opened.request("GET", "/v1/events", headers={"Authorization": f"Bearer {token}"})
            assert opened.getresponse().status == 200
        answer = unharmed.ask("GET", "/v1/events")
        assert answer.status == 429
        assert int(answer.headers["retry-after"]) > 0
    until(lambda: unharmed.ask("GET", "/v1/status").json["streams"] == 0)


def test_d31_too_many_streams_of_one_token(unharmed: Any) -> None:
    with ExitStack() as stack:
        for number in range(9):
            opened = http.client.HTTPConnection("127.0.0.1", unharmed.port, timeout=10)
            stack.callback(opened.close)
            opened.request("GET", "/v1/events", headers={"Authorization": f"Bearer {unharmed.token('viewer')}"})
            assert opened.getresponse().status == (200 if number < 8 else 429)
    until(lambda: unharmed.ask("GET", "/v1/status").json["streams"] == 0)


def test_d32_an_event_reader_that_never_reads(own_daemon: Callable[..., Any], unhurried: HttpLimits) -> None:
    limits = msgspec.structs.replace(unhurried, stall_s=0.3, queue=16)
    with own_daemon(limits) as daemon, socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        lazy.connect(("127.0.0.1", daemon.port))
        request = f"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {daemon.token()}\r\n\r\n"
        lazy.sendall(request.encode())
        until(lambda: daemon.ask("GET", "/v1/status").json["streams"] == 1)
        services = tuple(f"svc-{number:04}" for number in range(1, 13))
        assert daemon.ask("POST", "/v1/rollouts", daemon.bundle("web-1", services)).status == 201
        word = {"verb": "pause", "reason": "x" * 1_000}
        for number in range(400):
            said = {**word, "verb": "pause" if number % 2 == 0 else "resume"}
            assert daemon.ask("POST", "/v1/rollouts/web-1/actions", said).status in {202, 409}
            if daemon.ask("GET", "/v1/status").json["streams"] == 0:
                break
        until(lambda: daemon.ask("GET", "/v1/status").json["streams"] == 0)


def test_d33_a_hundred_requests_in_a_second_with_one_token(
    own_daemon: Callable[..., Any], unhurried: HttpLimits
) -> None:
    limits = msgspec.structs.replace(unhurried, reads_per_s=20.0, mutations_per_s=2.0, burst_s=1.0)
    with own_daemon(limits) as daemon:
        looks = [daemon.ask("GET", "/v1/me") for _ in range(100)]
        assert {each.status for each in looks} == {200, 429}
        late = next(each for each in looks if each.status == 429)
        assert int(late.headers["retry-after"]) >= 1
        changes = [daemon.ask("POST", "/v1/tickets", {}, role="operator").status for _ in range(5)]
        assert changes.count(429) >= 2
        assert daemon.ask("GET", "/v1/me", role="viewer").status == 200


def test_requests_that_are_answered_already_hold_off_more(
    own_daemon: Callable[..., Any], unhurried: HttpLimits
) -> None:
    with own_daemon(msgspec.structs.replace(unhurried, in_flight=2, body_s=5.0)) as daemon, ExitStack() as stack:
        for _ in range(2):
            opened = stack.enter_context(socket.create_connection(("127.0.0.1", daemon.port)))
            opened.sendall(daemon.head(*JSON) + b"{")
        until(lambda: daemon.ask("GET", "/v1/me").status == 503)
        assert daemon.ask("GET", "/healthz", role=None).status == 200


def test_who_shows_no_token_keeps_nobody_else_from_being_answered(
    own_daemon: Callable[..., Any], unhurried: HttpLimits
) -> None:
    limits = msgspec.structs.replace(unhurried, anonymous=2, body_s=5.0)
    with own_daemon(limits) as daemon, ExitStack() as stack:
        lines = ("POST /v1/session HTTP/1.1", "Host: 127.0.0.1", JSON[0], "Content-Length: 9", "", "")
        head = "\r\n".join(lines)
        for _ in range(3):
            stack.enter_context(socket.create_connection(("127.0.0.1", daemon.port))).sendall(head.encode() + b"{")
        until(lambda: daemon.ask("POST", "/v1/session", {"ticket": "x"}, role=None).status == 503)
        assert daemon.ask("GET", "/v1/me").status == 200


def until(what: Callable[[], bool], seconds: float = 10.0) -> None:
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends
        time.sleep(0.02)
