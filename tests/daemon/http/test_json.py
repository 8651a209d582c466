"""Bodies that mean two things, or nothing (security.md, 4.2): each is 400, and changes neither journal nor fleet."""

from typing import Any

import pytest

ACTIONS = "/v1/rollouts/web-1/actions"


def refused(daemon: Any, body: Any, path: str = "/v1/freeze") -> Any:
    answer = daemon.ask("POST", path, body)
    assert answer.status == 400, answer
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json


@pytest.mark.parametrize("body", [b'{"on": true, "reason": "beca', b"{", b"", b'{"on": true,}', b'{"on": true} x'])
def test_n1_json_that_is_cut_off_is_refused(unharmed: Any, body: bytes) -> None:
    refused(unharmed, body)


@pytest.mark.parametrize(
    "body", [b'{"on": false, "on": true, "reason": "x"}', b'{"on": true, "reason": "x", "r\\u0065ason": "y"}']
)
def test_n2_a_key_twice(unharmed: Any, body: bytes) -> None:
    assert "twice" in refused(unharmed, body)["detail"]


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity"])
def test_n3_what_is_no_number_is_refused(unharmed: Any, number: bytes) -> None:
    refused(unharmed, b'{"on": true, "reason": "x", "for_s": %b}' % number)


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"9" * 400 + b".0"])
def test_n4_a_number_that_becomes_infinity(unharmed: Any, number: bytes) -> None:
    refused(unharmed, b'{"on": true, "reason": "x", "for_s": %b}' % number)


@pytest.mark.parametrize("depth", [33, 100_000])
def test_n5_json_that_is_too_deep_is_refused(unharmed: Any, depth: int) -> None:
    assert "deeper" in refused(unharmed, b'{"on": ' + b"[" * depth + b"]" * depth + b"}")["detail"]


@pytest.mark.parametrize("digits", [19, 5_000])
def test_n6_a_whole_number_of_many_digits(unharmed: Any, digits: int) -> None:
    refused(unharmed, b'{"on": true, "reason": "x", "for_s": %b}' % (b"9" * digits))


@pytest.mark.parametrize("count", ["true", "false"])
def test_n7_a_boolean_where_an_integer_belongs(unharmed: Any, count: str) -> None:
    body = f'{{"verb": "abort", "reason": "x", "confirm_count": {count}}}'.encode()
    assert refused(unharmed, body, ACTIONS)["errors"][0]["pointer"] == "/confirm_count"


def test_n8_an_unknown_field(unharmed: Any) -> None:
    assert refused(unharmed, {"on": True, "reason": "x", "scope": "all"})["errors"][0]["pointer"] == "/scope"


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/../b", "/etc/passwd", "..", "configs/../../x", "C:\\x", "~/x"])
def test_n9_a_way_out_in_a_name(unharmed: Any, name: str) -> None:
    refused(unharmed, {"policy": "rollout: x", "files": {name: "x"}}, "/v1/rollouts")
    refused(unharmed, {"policy": "rollout: x", "policy_name": name}, "/v1/rollouts")
    refused(unharmed, {"verb": "pause", "reason": "x", "service": name}, ACTIONS)


@pytest.mark.parametrize("field", ["service", "wave", "phase", "key"])
def test_n10_a_line_feed_at_the_end_of_a_name(unharmed: Any, field: str) -> None:
    refused(unharmed, {"verb": "pause", "reason": "x", field: "svc-0001\n"}, ACTIONS)


@pytest.mark.parametrize("body", [b'{"on": true, "reason": "x\\u0000y"}', b'{"on": true, "reason": "x\x00y"}'])
def test_n11_a_nul_is_refused(unharmed: Any, body: bytes) -> None:
    refused(unharmed, body)


@pytest.mark.parametrize("text", [b"\\ud800", b"\\udfff\\ud800", b"\xed\xa0\x80"])
def test_n12_half_of_a_surrogate_pair(unharmed: Any, text: bytes) -> None:
    refused(unharmed, b'{"on": true, "reason": "x%b"}' % text)
    refused(unharmed, b'{"on": true, "reason": "x", "k%b": 1}' % text)


@pytest.mark.parametrize("text", [b"\xff", b"\xc0\xaf", b"\xc3"])
def test_n13_no_utf_8(unharmed: Any, text: bytes) -> None:
    assert "UTF-8" in refused(unharmed, b'{"on": true, "reason": "x%b"}' % text)["detail"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_n14_utf_16_is_refused(unharmed: Any, encoding: str) -> None:
    refused(unharmed, '{"on": true, "reason": "x"}'.encode(encoding))


def test_n15_a_byte_order_mark(unharmed: Any) -> None:
    assert "byte-order mark" in refused(unharmed, b'\xef\xbb\xbf{"on": true, "reason": "x"}')["detail"]


@pytest.mark.parametrize("body", [b"[]", b'"on"', b"1", b"null", b"true"])
def test_n16_no_object_at_the_top(unharmed: Any, body: bytes) -> None:
    assert "object" in refused(unharmed, body)["detail"]


@pytest.mark.parametrize("count", [0, -1, 100_001, 1.5])
def test_n17_counts_out_of_range(unharmed: Any, count: float) -> None:
    refused(unharmed, {"verb": "abort", "reason": "x", "confirm_count": count}, ACTIONS)
    assert unharmed.ask("GET", f"/v1/rollouts?limit={count if count < 1_000 else 501}").status == 400
