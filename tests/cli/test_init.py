"""`rollout init`: a private first settings file that loads, never over another one, and tested unless told not to."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from rollout.settings.load import load_settings

OURS = "00000000-0000-4000-8000-000000000001"
Invoke = Callable[..., Result]


@pytest.fixture
def init(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run `rollout init` in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    for name in ("ROLLOUT_CONFIG", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    return lambda *words: invoke("init", *words)


def test_the_file_is_private_and_loads_as_it_was_answered(init: Invoke, tmp_path: Path) -> None:
    told = init(
        *("--subscription", OURS, "--endpoint", "china", "--pem", "keys/m.pem", "--passphrase-env", "CERT"),
        *("--ca", "ca.pem", "--state", "st", "--offline"),
    )
    assert told.exit_code == 0, told.output
    assert (told.stdout, told.stderr) == ("", "wrote rollout.toml\nnext: rollout doctor\n")
    assert stat.S_IMODE((tmp_path / "rollout.toml").stat().st_mode) == 0o600
    settings = load_settings("rollout.toml", environ={}).settings
    subscription = settings.subscriptions[OURS]
    endpoint = settings.endpoint_of(subscription)
    assert endpoint is not None
    assert (endpoint.url, endpoint.ca) == ("https://management.core.chinacloudapi.cn", tmp_path / "ca.pem")
    assert subscription.certificate is not None
    assert subscription.certificate.passphrase is not None
    assert (subscription.certificate.pem, subscription.certificate.passphrase.env) == (tmp_path / "keys/m.pem", "CERT")
    assert settings.state == tmp_path / "st"


def test_what_is_commented_out_is_right_as_it_stands(init: Invoke, tmp_path: Path) -> None:
    init("--subscription", OURS, "--token-command", "az account get-access-token --query 'a b'", "--offline")
    text = (tmp_path / "rollout.toml").read_text(encoding="utf-8")
    lines = [line.removeprefix("# ") if "=" in line else line for line in text.splitlines()[2:]]
    (tmp_path / "whole.toml").write_text("\n".join(lines))
    settings = load_settings("whole.toml", environ={}).settings
    assert settings.limits.services_per_wave == 100
    assert settings.limits.reads is not None
    token = settings.subscriptions[OURS].token
    assert token is not None
    assert token.command == ("az", "account", "get-access-token", "--query", "a b")


def test_a_file_that_is_there_is_left_alone_unless_forced(init: Invoke, tmp_path: Path) -> None:
    (tmp_path / "rollout.toml").write_text("# mine\n")
    words = ("--subscription", OURS, "--pem", "m.pem", "--offline")
    told = init(*words)
    assert told.exit_code == 64
    assert "is there already; give --force" in told.stderr
    assert (tmp_path / "rollout.toml").read_text() == "# mine\n"
    assert init(*words, "--force").exit_code == 0
    assert OURS in (tmp_path / "rollout.toml").read_text()
    assert [each.name for each in tmp_path.iterdir()] == ["rollout.toml"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give --subscription: there is no terminal to ask at"),
        (("--subscription", OURS), "give --pem, --pfx, --token-file or --token-command"),
        (("--subscription", "mine", "--pem", "m.pem"), "must be a subscription id"),
        (("--subscription", OURS, "--pem", "m.pem", "--pfx", "m.pfx"), "needs exactly one of pem, pfx"),
        (("--subscription", OURS, "--pem", "m.pem", "--token-file", "t"), "needs exactly one of them"),
        (("--subscription", OURS, "--endpoint", "http://far.example", "--pem", "m.pem"), "must be https"),
        (("--subscription", OURS, "--token-command", "az 'open"), "cannot be split into words"),
        (("--subscription", OURS, "--pem", "m.pem", "--file", "none/rollout.toml"), "cannot be written"),
    ],
)
def test_answers_that_make_no_settings_write_nothing(
    words: tuple[str, ...], said: str, init: Invoke, tmp_path: Path
) -> None:
    told = init(*words, "--offline")
    assert told.exit_code == 64, told.output
    assert said in told.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_credentials_are_tested_by_one_question(init: Invoke, endpoint: str) -> None:
    told = init("--subscription", OURS, "--endpoint", endpoint)
    assert told.exit_code == 0, told.output
    assert f"asking {endpoint} …\nit lets us in, and answers in " in told.stderr


def test_a_test_that_fails_says_why_and_keeps_the_file(init: Invoke, tmp_path: Path, unused_tcp_port: int) -> None:
    told = init("--subscription", OURS, "--endpoint", f"http://127.0.0.1:{unused_tcp_port}")
    assert told.exit_code == 69
    assert "This is the network" in told.stderr
    assert (tmp_path / "rollout.toml").exists()
    told = init("--subscription", OURS, "--pem", "none.pem", "--force")
    assert told.exit_code == 1
    assert "none.pem does not exist" in told.stderr
