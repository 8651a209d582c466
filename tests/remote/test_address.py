import pytest

from rollout.errors import UsageError
from rollout.remote.address import address_of


@pytest.mark.parametrize(
    ("url", "known", "local"),
    [
        ("https://rollout.example:8642/", "https://rollout.example:8642", False),
        ("http://127.0.0.1:8642", "http://127.0.0.1:8642", True),
        ("http://[::1]:8642", "http://[::1]:8642", True),
        ("http://localhost", "http://localhost", True),
    ],
)
def test_an_address_is_https_or_on_this_machine(url: str, known: str, *, local: bool) -> None:
    address = address_of(url)
    assert (address.url, address.local) == (known, local)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://rollout.example", "would show the token"),
        ("http://127.0.0.1.evil.example", "would show the token"),
        ("ftp://rollout.example", "its scheme is ftp"),
        ("rollout.example:8642", "it has no scheme"),
        ("https://", "it has no scheme"),
        ("https://:8642", "it has no host"),
        ("https://ann:secret@rollout.example", "more than scheme, host and port"),
        ("https://rollout.example/v1", "more than scheme, host and port"),
        ("https://rollout.example?token=x", "more than scheme, host and port"),
        ("https://rollout.example:x", "no URL"),
        ("https://[::1", "no URL"),
        ("https://rollout.example\n.evil", "no URL"),
        ("https://" + "a" * 3_000, "no URL"),
    ],
)
def test_any_other_address_is_refused_and_its_secrets_are_not_repeated(url: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as raised:
        address_of(url)
    assert "secret" not in str(raised.value)
