"""Addresses that may be spoken to, and those that may not."""

import pytest

from rollout.errors import UsageError
from rollout.platforms.classic.endpoint import Endpoint, parse_endpoint


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://management.example", Endpoint("https://management.example", "management.example", tls=True)),
        (
            "https://management.example:8443/",
            Endpoint("https://management.example:8443", "management.example", tls=True),
        ),
        ("http://127.0.0.1:8080", Endpoint("http://127.0.0.1:8080", "127.0.0.1", tls=False)),
        ("http://localhost:1", Endpoint("http://localhost:1", "localhost", tls=False)),
        (" http://[::1]:8080/ ", Endpoint("http://[::1]:8080", "::1", tls=False)),
    ],
)
def test_https_anywhere_and_http_on_loopback_are_taken(url: str, endpoint: Endpoint) -> None:
    assert parse_endpoint(url) == endpoint


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://management.example", "loopback"),
        ("http://127.0.0.1.evil.example", "loopback"),
        ("http://10.0.0.1", "loopback"),
        ("ftp://127.0.0.1", "expected https"),
        ("127.0.0.1:8080", "expected https"),
        ("", "expected https"),
        ("https://", "expected https"),
        ("https://h/sub/path", "scheme, host and port only"),
        ("https://h/?sig=CANARY", "scheme, host and port only"),
        ("https://user:CANARY@h", "scheme, host and port only"),
        ("https://h:99999", "not a URL"),
        ("https://[::1", "not a URL"),
    ],
)
def test_anything_else_is_refused_with_a_reason_and_without_a_secret(url: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        parse_endpoint(url)
    assert "CANARY" not in str(caught.value)
