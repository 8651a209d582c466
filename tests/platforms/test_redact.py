"""What may be shown of text from outside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.platforms.classic.redact import SHOWN_CHARS_MAX, redact, redact_bytes


@pytest.mark.parametrize(
    "text",
    [
        "see https://acct.blob.example/c/app.cspkg?sv=1&sig=CANARY for more",
        "https://user:CANARY@host.example/path",
        "Authorization: Bearer CANARYCANARY",
        "sig=CANARY&x=1",
        "-----BEGIN PRIVATE KEY-----\nCANARY\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nCANARY",
    ],
)
def test_no_secret_survives_redaction(text: str) -> None:
    assert "CANARY" not in redact(text)


def test_the_part_of_a_url_that_names_a_package_survives() -> None:
    assert redact("https://acct.blob.example/c/app.cspkg?sig=x") == "https://acct.blob.example/c/app.cspkg?…"


def test_lines_and_control_characters_become_blanks() -> None:
    assert redact("a\r\nINFO forged\x1b[31m") == "a INFO forged [31m"


@given(st.binary(max_size=600))
def test_any_bytes_become_one_short_printable_line(body: bytes) -> None:
    shown = redact_bytes(body)
    assert len(shown) <= SHOWN_CHARS_MAX
    assert "\n" not in shown
    shown.encode()
