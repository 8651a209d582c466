"""A word from outside counts only if it is signed, young and new: cases W1 to W6, as whoever receives webhooks sees."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rollout
from rollout.errors import SignatureRefused
from rollout.gates.signature import IDS_MAX, WINDOW_S, ReplayCache, signed, verify_signature

KEYS = {"k1": "an old secret", "k2": "a new secret"}
NOW = 1_700_000_000.0
BODY = b'{"check": "gate"}'


def refused(headers: dict[str, str], body: bytes = BODY, *, now: float = NOW, seen: ReplayCache | None = None) -> str:
    seen = ReplayCache() if seen is None else seen
    before = dict(seen._seen)
    with pytest.raises(SignatureRefused) as caught:
        verify_signature(KEYS, headers, body, now=now, seen=seen)
    assert seen._seen == before, "a refusal leaves no trace"
    return str(caught.value)


def good(key: str = "k1", identity: str = "0123456789abcdef", now: float = NOW) -> dict[str, str]:
    return signed(key, KEYS[key], identity, now, BODY)


@pytest.mark.parametrize("key", ["k1", "k2"])
def test_a_signed_word_is_believed_once_under_any_valid_key(key: str) -> None:
    assert verify_signature(KEYS, good(key), BODY, now=NOW + 299, seen=ReplayCache()) == key


def test_w1_a_word_without_a_signature_is_refused() -> None:
    headers = good()
    del headers["x-rollout-signature"]
    assert refused(headers) == "there is no signature"
    assert refused({}) == "there is no signature"


@pytest.mark.parametrize("key", ["k1", "k2", "k3", ""])
def test_w2_a_wrong_signature_is_refused_under_every_key(key: str) -> None:
    for secret in ("guessed", ""):
        assert refused(signed(key, secret, "0123456789abcdef", NOW, BODY)) == "the signature does not fit the body"


@pytest.mark.parametrize("age_s", [WINDOW_S + 1, -WINDOW_S - 1, 1e6])
def test_w3_an_old_timestamp_is_refused_and_one_of_the_future_too(age_s: float) -> None:
    assert refused(good(now=NOW - age_s)) == "it was signed more than 300 s from now"


def test_w4_a_replayed_word_is_refused() -> None:
    seen = ReplayCache()
    verify_signature(KEYS, good(), BODY, now=NOW, seen=seen)
    assert refused(good(), now=NOW + 100, seen=seen) == "the same id came before"
    assert refused(good("k2"), now=NOW + 100, seen=seen) == "the same id came before"


def test_w4_a_full_memory_of_ids_refuses_rather_than_forgets() -> None:
    seen = ReplayCache(2)
    for number in range(2):
        verify_signature(KEYS, good(identity=f"identity-{number}"), BODY, now=NOW, seen=seen)
    assert refused(good(identity="identity-2"), seen=seen) == "the same id came before"
    later = NOW + 2 * WINDOW_S
    assert verify_signature(KEYS, good(identity="identity-3", now=later), BODY, now=later, seen=seen) == "k1"
    assert IDS_MAX > 10_000


@given(body=st.binary(max_size=64).filter(lambda body: body != BODY))
def test_w5_an_altered_body_is_refused(body: bytes) -> None:
    assert refused(good(), body) == "the signature does not fit the body"


@pytest.mark.parametrize("name", ["x-rollout-id", "x-rollout-timestamp", "x-rollout-key"])
def test_w5_an_altered_header_is_refused(name: str) -> None:
    other = {"x-rollout-id": "fedcba9876543210", "x-rollout-timestamp": f"{NOW + 1:.0f}", "x-rollout-key": "k2"}
    assert refused(good() | {name: other[name]}) == "the signature does not fit the body"


def test_w6_another_kind_of_signature_is_refused_even_if_it_fits() -> None:
    headers = good()
    message = f"{headers['x-rollout-id']}.{headers['x-rollout-timestamp']}.".encode() + BODY
    sha1 = hmac.new(KEYS["k1"].encode(), message, hashlib.sha1).hexdigest()
    bare = headers["x-rollout-signature"].removeprefix("sha256=")
    for signature in (f"sha1={sha1}", f"sha1={bare}", bare, f"SHA256={bare}"):
        assert refused(headers | {"x-rollout-signature": signature}) == "the signature is not of the kind sha256="


@given(
    headers=st.dictionaries(
        st.sampled_from(["x-rollout-id", "X-Rollout-Timestamp", "x-rollout-key", "x-rollout-signature", "other"]),
        st.text(max_size=40) | st.sampled_from(["sha256=", "sha256=00", "1700000000", "k1"]),
    )
)
def test_no_headers_at_all_are_believed_without_the_secret(headers: dict[str, str]) -> None:
    refused(headers)


def test_receivers_find_the_function_at_the_top_of_the_package() -> None:
    assert rollout.verify_signature is verify_signature
    assert rollout.ReplayCache is ReplayCache
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(rollout, "nothing")  # noqa: B009 - a name that type checkers know is not there
