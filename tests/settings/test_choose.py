"""One engine's settings: which endpoint and credentials a policy's subscription gets, and what it may touch."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from rollout.errors import UsageError
from rollout.settings import RunSettings, is_loopback
from rollout.settings.allow import Asked, refusals
from rollout.settings.choose import EMULATOR, run_settings
from rollout.settings.load import Loaded

OURS = "00000000-0000-4000-8000-000000000001"
OTHER = "00000000-0000-4000-8000-000000000002"
REAL = '[subscriptions."{id}"]\ncertificate = { pem = "key.pem" }\n'
LAB = '[endpoints.lab]\nurl = "http://127.0.0.1:9"\n[subscriptions."{id}"]\nendpoint = "lab"\n'


def test_a_subscription_gets_its_endpoint_and_its_credentials(loaded: Callable[..., Loaded], tmp_path: Path) -> None:
    settings = run_settings(loaded(REAL), OURS.upper())
    assert settings.endpoint == "https://management.core.windows.net"
    assert settings.access is not None
    assert settings.access.certificate is not None
    assert settings.access.certificate.pem == tmp_path / "key.pem"
    assert not settings.emulated


def test_without_any_settings_it_is_the_emulator(loaded: Callable[..., Loaded]) -> None:
    settings = run_settings(loaded(""), OURS)
    assert (settings.endpoint, settings.access, settings.emulated) == (EMULATOR, None, True)
    assert run_settings(loaded(LAB), OURS).endpoint == "http://127.0.0.1:9"


def test_a_loopback_endpoint_lies_over_the_settings_and_is_shown_nothing(loaded: Callable[..., Loaded]) -> None:
    settings = run_settings(loaded(REAL), OURS, endpoint="http://localhost:10080")
    assert (settings.endpoint, settings.access) == ("http://localhost:10080", None)
    assert run_settings(loaded(REAL), OTHER, endpoint="http://127.0.0.1:1").access is None


def test_the_same_endpoint_said_twice_keeps_its_credentials(loaded: Callable[..., Loaded]) -> None:
    settings = run_settings(loaded(REAL), OURS, endpoint="https://Management.core.windows.net/")
    assert settings.access is not None


def test_packages_are_asked_for_unless_the_settings_or_an_emulator_say_otherwise(
    loaded: Callable[..., Loaded],
) -> None:
    assert run_settings(loaded(REAL), OURS).check_packages
    assert not run_settings(loaded("check_packages = false\n" + REAL), OURS).check_packages
    assert not run_settings(loaded(REAL), OURS, endpoint="http://localhost:10080").check_packages


@pytest.mark.parametrize("endpoint", ["https://evil.example", "https://127.0.0.1.evil.example", "https://[::2]"])
def test_credentials_are_shown_to_no_other_address(endpoint: str, loaded: Callable[..., Loaded]) -> None:
    with pytest.raises(UsageError, match="credentials are shown nowhere else"):
        run_settings(loaded(REAL), OURS, endpoint=endpoint)


@pytest.mark.parametrize("endpoint", [None, "https://management.core.windows.net"])
def test_an_unknown_subscription_is_refused_with_what_to_add(
    endpoint: str | None, loaded: Callable[..., Loaded]
) -> None:
    with pytest.raises(UsageError, match=rf'add \[subscriptions\."{OTHER}"\]'):
        run_settings(loaded(REAL), OTHER, endpoint=endpoint)


def test_what_is_no_subscription_id_is_refused(loaded: Callable[..., Loaded]) -> None:
    with pytest.raises(UsageError, match="is no subscription id"):
        run_settings(loaded(""), "mine\nservices: {}")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *[(host, True) for host in ("localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1")],
        *[(host, False) for host in ("127.0.0.1.evil.example", "10.0.0.1", "", "localhost.evil.example")],
    ],
)
def test_loopback_is_an_address_and_no_beginning_of_a_name(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


ASKED = Asked(OURS, {"web-01": "https://store.blob.core.windows.net/web.cspkg?sig=x"}, {"canary": 1, "rest": 40})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", []),
        ("[limits]\nservices_per_wave = 40", []),
        (
            "[limits]\nservices_per_wave = 39",
            ["wave `rest` has 40 services, and limits.services_per_wave is 39"],
        ),
        ('[allow]\nsubscriptions = ["{id}"]\npackage_hosts = ["*.blob.core.windows.net"]', []),
        ("[allow]\nsubscriptions = []", [f"subscription {OURS} is not in allow.subscriptions"]),
        (
            '[allow]\npackage_hosts = ["blob.core.windows.net", "*.store.blob.core.windows.net"]',
            ["packages come from store.blob.core.windows.net, which is not in allow.package_hosts"],
        ),
    ],
)
def test_the_settings_say_what_a_policy_may_touch(text: str, said: list[str], loaded: Callable[..., Loaded]) -> None:
    assert refusals(run_settings(loaded(text), OURS), ASKED) == said


def test_signed_notices_need_a_key_and_chats_need_none(loaded: Callable[..., Loaded]) -> None:
    asked = replace(ASKED, notices=True)
    (said,) = refusals(run_settings(loaded(""), OURS, endpoint="http://127.0.0.1:1"), asked)
    assert said.startswith("`notify` sends signed notices, and webhooks.keys has no key to sign them with")
    keyed = loaded('[webhooks.keys]\nk1 = {env = "K"}')
    assert refusals(run_settings(keyed, OURS, endpoint="http://127.0.0.1:1"), asked) == []


def test_settings_without_limits_allow_everything() -> None:
    assert refusals(RunSettings("http://127.0.0.1:1", Path("state")), ASKED) == []
