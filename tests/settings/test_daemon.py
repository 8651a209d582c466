"""The daemon's table, and the settings of an engine that serves several subscriptions."""

from collections.abc import Callable

import pytest

from rollout.errors import UsageError
from rollout.settings.choose import EMULATOR, engine_settings
from rollout.settings.daemon import Listen, parse_listen
from rollout.settings.load import Loaded

OURS = "00000000-0000-4000-8000-000000000001"
OTHER = "00000000-0000-4000-8000-000000000002"
TWO = (
    f'[endpoints.lab]\nurl = "http://127.0.0.1:9"\n[subscriptions."{OTHER}"]\nendpoint = "lab"\n'
    '[subscriptions."{id}"]\ncertificate = { pem = "key.pem" }\n'
)


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("127.0.0.1:8642", Listen("127.0.0.1", 8642)),
        ("localhost:0", Listen("127.0.0.1", 0)),
        ("[::1]:1", Listen("::1", 1)),
        ("192.0.2.1:80", Listen("192.0.2.1", 80)),
    ],
)
def test_an_address_is_read_with_its_port(text: str, listen: Listen) -> None:
    assert parse_listen(text) == listen


@pytest.mark.parametrize("text", ["", "127.0.0.1", ":8642", "127.0.0.1:65536", "127.0.0.1:-1", "a.example:1", "::1"])
def test_what_is_no_address_with_a_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"(?i)address"):
        parse_listen(text)


@pytest.mark.parametrize("listen", ["0.0.0.0:8642", "[::]:8642", "192.0.2.1:8642"])
def test_other_addresses_than_loopback_need_a_certificate(
    listen: str, refused: Callable[..., list[str]], loaded: Callable[..., Loaded]
) -> None:
    table = f'[daemon]\nlisten = "{listen}"\n'
    (said,) = refused(table)
    assert said.startswith("rollout.toml:2:1 daemon.listen: ")
    assert "is not loopback" in said
    assert loaded(table + 'certificate = "chain.pem"\n').settings.daemon.listen == parse_listen(listen)


def test_a_key_without_its_certificate_is_refused(refused: Callable[..., list[str]]) -> None:
    assert "add daemon.certificate" in refused('[daemon]\nkey = "key.pem"\n')[0]


def test_a_flag_that_leaves_loopback_is_refused_by_its_name(loaded: Callable[..., Loaded]) -> None:
    with pytest.raises(Exception, match=r"--listen.*is not loopback"):
        loaded("", flags={"daemon.listen": ("--listen", "0.0.0.0:1")})


def test_an_engine_of_several_subscriptions_shows_each_endpoint_its_own_credentials(
    loaded: Callable[..., Loaded],
) -> None:
    settings = engine_settings(loaded(TWO))
    ours, other = settings.of(OURS.upper()), settings.of(OTHER)
    assert (ours.endpoint, other.endpoint) == ("https://management.core.windows.net", "http://127.0.0.1:9")
    assert ours.access is not None
    assert other.access is None
    assert (settings.emulated, ours.emulated, other.emulated) == (False, False, True)
    with pytest.raises(UsageError, match="say nothing about subscription"):
        settings.of("00000000-0000-4000-8000-000000000003")


def test_an_engine_without_settings_serves_any_subscription_at_the_local_emulator(
    loaded: Callable[..., Loaded],
) -> None:
    settings = engine_settings(loaded(""))
    assert (settings.endpoint, settings.of(OTHER).endpoint, settings.emulated) == (EMULATOR, EMULATOR, True)


def test_an_emulator_lies_over_every_subscription_and_is_shown_nothing(loaded: Callable[..., Loaded]) -> None:
    settings = engine_settings(loaded(TWO), endpoint="http://127.0.0.1:10080")
    assert (settings.of(OURS).endpoint, settings.of(OURS).access) == ("http://127.0.0.1:10080", None)
    with pytest.raises(UsageError, match="not loopback"):
        engine_settings(loaded(TWO), endpoint="https://evil.example")
