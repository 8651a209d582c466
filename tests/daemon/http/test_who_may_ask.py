"""Who may ask (security.md, 4.1): tokens, hosts and origins. No refusal changes journal or fleet."""

import socket
from typing import Any

import pytest

FREEZE = {"on": True, "reason": "because"}


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def lines(daemon: Any, *more: str, host: str | None = None) -> bytes:
    """Write a whole request that would freeze everything, with other headers."""
    own = [f"Host: {host or f'127.0.0.1:{daemon.port}'}"]
    body = '{"on": true, "reason": "because"}'
    head = ["POST /v1/freeze HTTP/1.1", *own, "Content-Type: application/json", f"Content-Length: {len(body)}", *more]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode("latin-1")


# --- who ---


def test_a1_nobody_is_let_in_without_a_token(unharmed: Any) -> None:
    answer = unharmed.ask("POST", "/v1/freeze", FREEZE, role=None)
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"


def test_a2_a_wrong_token(unharmed: Any) -> None:
    good = unharmed.token()
    for wrong in (good[:-1] + ("A" if good[-1] != "A" else "B"), "ro_0000000000_" + "A" * 43, "x" * 64):
        answer = unharmed.ask("POST", "/v1/freeze", FREEZE, role=None, headers={"Authorization": f"Bearer {wrong}"})
        assert answer.status == 401
        assert wrong.encode() not in answer.body


def test_a3_basic_credentials_are_refused(unharmed: Any) -> None:
    headers = {"Authorization": "Basic YWRtaW46YWRtaW4="}
    assert unharmed.ask("POST", "/v1/freeze", FREEZE, role=None, headers=headers).status == 401


@pytest.mark.parametrize("path", ["/v1/freeze", "/v1/rollouts", "/v1/rollouts/web-1/actions", "/v1/policies/web.yaml"])
def test_a4_a_viewers_token_on_post(unharmed: Any, path: str) -> None:
    answer = unharmed.ask("POST", path, FREEZE, role="viewer")
    assert answer.status == 403
    assert "viewer" in answer.json["detail"]


def test_a5_two_authorization_headers(unharmed: Any) -> None:
    bearer = f"Authorization: Bearer {unharmed.token()}"
    assert status_of(unharmed.raw(lines(unharmed, bearer, bearer))) == 401


@pytest.mark.parametrize("name", ["token", "access_token", "ticket"])
def test_a6_a_token_in_the_query(unharmed: Any, name: str) -> None:
    path = f"/v1/freeze?{name}={unharmed.token()}"
    assert unharmed.ask("POST", path, FREEZE, role=None).status == 401
    assert unharmed.ask("GET", f"/v1/events?{name}={unharmed.token()}", role=None).status == 401


def test_a7_a_token_that_is_not_ascii(unharmed: Any) -> None:
    assert status_of(unharmed.raw(lines(unharmed, "Authorization: Bearer ro_\xe9\xe9\xe9\xe9"))) == 401


def test_a8_a_token_revoked_while_its_event_stream_is_open(unharmed: Any) -> None:
    token = unharmed.token("viewer", "leaving")
    request = f"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1:{unharmed.port}\r\nAuthorization: Bearer {token}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", unharmed.port), timeout=5.0) as stream:
        stream.sendall(request.encode())
        came = b""
        while b"event: snapshot" not in came:
            came += stream.recv(65_536)
        unharmed.run(lambda: unharmed.site.tokens.revoke("leaving"))
        while chunk := stream.recv(65_536):  # at most 5 s, or it is a TimeoutError
            came += chunk
    assert came.endswith(b"0\r\n\r\n")
    assert unharmed.ask("GET", "/v1/me", role=None, headers={"Authorization": f"Bearer {token}"}).status == 401


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_a9_an_operators_token_where_an_approvers_is_needed(unharmed: Any, verb: str) -> None:
    body = {"verb": verb, "reason": "because"}
    assert unharmed.ask("POST", "/v1/rollouts/web-1/actions", body, role="operator").status == 403
    assert unharmed.ask("POST", "/v1/rollouts/web-1/actions", body, role="approver").status == 404
    assert unharmed.ask("POST", "/v1/rollouts/web-1/actions", {**body, "verb": "pause"}, role="approver").status == 403


# --- under which name ---


def test_h1_a_foreign_host(unharmed: Any) -> None:
    answer = unharmed.raw(lines(unharmed, f"Authorization: Bearer {unharmed.token()}", host="evil.example"))
    assert status_of(answer) == 421


def test_h2_a_request_without_host_is_refused(unharmed: Any) -> None:
    assert status_of(unharmed.raw(b"GET /healthz HTTP/1.1\r\n\r\n")) == 400
    assert status_of(unharmed.raw(b"GET /healthz HTTP/1.0\r\n\r\n")) == 400


def test_h3_a_request_with_two_hosts_is_refused(unharmed: Any) -> None:
    own = f"Host: 127.0.0.1:{unharmed.port}"
    assert status_of(unharmed.raw(lines(unharmed, f"Authorization: Bearer {unharmed.token()}", own))) == 400


def test_h4_an_absolute_target_with_a_foreign_host(unharmed: Any) -> None:
    request = lines(unharmed, f"Authorization: Bearer {unharmed.token()}")
    for foreign in (
        b"http://evil.example/v1/freeze",
        b"http://evil.example:80/v1/freeze",
        b"http://u@127.0.0.1/v1/freeze",
    ):
        assert status_of(unharmed.raw(request.replace(b"/v1/freeze", foreign, 1))) == 421
    own = b"GET http://127.0.0.1:%d/healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % unharmed.port
    assert status_of(unharmed.raw(own)) == 200


@pytest.mark.parametrize("junk", ["127.0.0.1:", "127.0.0.1:x", "127.0.0.1:80:80", "127.0.0.1:99999999", "127.0.0.1:-1"])
def test_h5_a_host_with_junk_for_a_port(unharmed: Any, junk: str) -> None:
    assert status_of(unharmed.raw(lines(unharmed, f"Authorization: Bearer {unharmed.token()}", host=junk))) == 421


@pytest.mark.parametrize("host", ["127.0.0.1.evil", "localhost.evil", "evil-127.0.0.1", "127.0.0.1@evil", "[::1].evil"])
def test_h6_a_host_that_only_begins_like_ours(unharmed: Any, host: str) -> None:
    assert status_of(unharmed.raw(lines(unharmed, f"Authorization: Bearer {unharmed.token()}", host=host))) == 421


# --- from which page ---


@pytest.mark.parametrize("path", ["/v1/freeze", "/v1/rollouts"])
def test_o1_a_foreign_origin(unharmed: Any, path: str) -> None:
    answer = unharmed.ask("POST", path, FREEZE, headers={"Origin": "http://evil.example"})
    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_o2_the_origin_null_is_refused(unharmed: Any) -> None:
    assert unharmed.ask("POST", "/v1/freeze", FREEZE, headers={"Origin": "null"}).status == 403


def test_o3_an_origin_with_an_allowed_prefix_and_a_foreign_suffix(unharmed: Any) -> None:
    own = f"http://127.0.0.1:{unharmed.port}"
    for origin in (f"{own}.evil.example", f"{own}@evil.example", own[:-1], own.replace("http:", "https:"), f"{own}/"):
        assert unharmed.ask("POST", "/v1/freeze", FREEZE, headers={"Origin": origin}).status == 403
    assert unharmed.ask("GET", "/v1/me", headers={"Origin": own, "Sec-Fetch-Site": "same-origin"}).status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
def test_o4_sec_fetch_site(unharmed: Any, site: str) -> None:
    assert unharmed.ask("POST", "/v1/freeze", FREEZE, headers={"Sec-Fetch-Site": site}).status == 403
    assert unharmed.ask("GET", "/v1/me", headers={"Sec-Fetch-Site": site}).status == 403


def test_o5_a_forms_content_type(unharmed: Any) -> None:
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = unharmed.ask("POST", "/v1/freeze", b"on=true&reason=because", headers={"Content-Type": kind})
        assert answer.status == 415


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/json; charset=utf-16", "application/jsonp", "text/json", ""]
)
def test_o6_json_as_something_else(unharmed: Any, kind: str) -> None:
    assert unharmed.ask("POST", "/v1/freeze", FREEZE, headers={"Content-Type": kind}).status == 415


def test_o7_a_preflight_is_refused(unharmed: Any) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    foreign = unharmed.ask("OPTIONS", "/v1/freeze", role=None, headers={"Origin": "http://evil.example", **asks})
    plain = unharmed.ask("OPTIONS", "/v1/freeze", role=None, headers=asks)
    assert (foreign.status, plain.status) == (403, 405)
    for answer in (foreign, plain):
        assert not [name for name in answer.headers if name.startswith("access-control")]
