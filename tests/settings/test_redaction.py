"""Redaction: by the name of a field, by shape, by known value in its usual disguises; harmless words stay."""

import base64
from urllib.parse import quote

import pytest

from rollout.settings.redaction import is_secret_name, redact_event, redact_text, without_known
from rollout.settings.secret import Secret

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIICanary\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    "name",
    ["token", "Authorization", "sas_token", "clientSecret", "passphrase", "PFX", "key", "account_key", "sig", "apiKey"],
)
def test_a_field_with_the_name_of_a_secret_is_hidden(name: str) -> None:
    assert is_secret_name(name)
    assert redact_event(None, "info", {name: "canary", "also": {name: "canary"}}) == {
        name: "***",
        "also": {name: "***"},
    }


@pytest.mark.parametrize("name", ["service", "monkey", "keyboard", "tokenizer", "signal", "idempotency_key", "domain"])
def test_a_field_that_only_sounds_like_one_is_kept(name: str) -> None:
    assert redact_event(None, "info", {name: "web-01"}) == {name: "web-01"}


@pytest.mark.parametrize(
    "text",
    [
        f"could not read {PEM} today",
        "-----BEGIN PRIVATE KEY-----\ncanary cut off",
        "GET https://store.example/a.cspkg?sv=1&sig=canary failed",
        "https://user:canary@store.example/a",
        "Authorization: Bearer canary.canary",
        "basic Y2FuYXJ5canary",
        "sent sig=canary&se=2",
        "password=canary; next",
        "sig%3Dcanary%26",
        "eyJhbGciOicanary.eyJzdWIiOicanary.canary",
        "MII" + "canary" * 30,
    ],
)
def test_the_shape_of_a_secret_is_hidden_in_any_text(text: str) -> None:
    assert "canary" not in redact_text(text)
    assert "***" in redact_text(text)
    cleaned = redact_event(None, "error", {"event": "failed", "error": ValueError(text), "raw": text.encode()})
    assert "canary" not in str(cleaned)


def test_words_around_a_secret_stay() -> None:
    assert (
        redact_text("GET https://a.example/b.cspkg?sig=x was refused")
        == "GET https://a.example/b.cspkg?*** was refused"
    )
    plain = "web-01: domain 3 of 5 is Ready; Authorization failed, check the token and the key"
    assert redact_text(plain) == plain


def test_a_known_secret_is_hidden_in_its_usual_disguises() -> None:
    value = "canary/ value+1'"
    assert redact_text(value) == value
    Secret(value)
    raw = value.encode()
    for form in (value, base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode(), quote(value, safe="")):
        assert redact_text(f"<{form}>") == "<***>"
        assert redact_event(None, "info", {"event": f"got {form}", form: 1})["event"] == "got ***"


def test_who_knows_the_shapes_of_secrets_can_leave_out_the_known_values_alone() -> None:
    Secret("canary-known")
    assert without_known("Bearer canary-known, sig=shape", "…") == "Bearer …, sig=shape"
    assert without_known("Bearer canary-unknown") == "Bearer canary-unknown"


def test_a_short_secret_does_not_shred_every_text() -> None:
    secret = Secret("web")
    assert redact_text("web-01 is ready") == "web-01 is ready"
    assert str(secret) == "***"


def test_numbers_lists_and_deep_nests_are_looked_into() -> None:
    event = {"count": 3, "flag": True, "none": None, "list": ["sig=canary", {"token": 1}], "secret_object": Secret("x")}
    assert redact_event(None, "info", dict(event)) == {
        "count": 3,
        "flag": True,
        "none": None,
        "list": ["sig=***", {"token": 1}],
        "secret_object": "***",
    }
    nest: object = "canary"
    for _ in range(20):
        nest = {"a": nest}
    assert "canary" not in str(redact_event(None, "info", {"nest": nest}))
