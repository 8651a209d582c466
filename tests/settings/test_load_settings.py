"""rollout.toml: what a good one gives, where one is looked for, and every mistake of a bad one at its place."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rollout.errors import PolicyError
from rollout.settings.load import Loaded, load_settings
from rollout.settings.model import PaceLimit

WHOLE = """
state = "state"

[endpoints.lab]
url = "https://lab.example:8443/"
ca = "/etc/lab.pem"

[subscriptions."{id}"]
endpoint = "lab"
certificate = { pem = "keys/lab.pem", passphrase = { env = "LAB_PASSPHRASE" } }

[limits]
request_timeout = "10s"
reads = { start = 3, ceiling = 12.5 }
services_per_wave = 40

[allow]
subscriptions = ["{id}"]
package_hosts = ["*.blob.core.windows.net"]
commands = { smoke = ["/usr/local/bin/smoke", "--fast"] }
"""


def test_a_whole_file_is_read_with_paths_from_its_own_folder(loaded: Callable[..., Loaded], tmp_path: Path) -> None:
    settings = loaded(WHOLE).settings
    assert settings.state == tmp_path / "state"
    (subscription,) = settings.subscriptions.values()
    endpoint = settings.endpoint_of(subscription)
    assert endpoint is not None
    assert (endpoint.url, endpoint.ca) == ("https://lab.example:8443", Path("/etc/lab.pem"))
    assert subscription.certificate is not None
    assert subscription.certificate.pem == tmp_path / "keys/lab.pem"
    assert settings.limits.request_timeout == 10
    assert settings.limits.reads == PaceLimit(start=3, ceiling=12.5)
    assert settings.allow.commands == {"smoke": ("/usr/local/bin/smoke", "--fast")}


def test_an_empty_file_gives_every_default(loaded: Callable[..., Loaded]) -> None:
    settings = loaded("").settings
    assert (settings.state, settings.subscriptions, settings.limits.request_timeout) == (None, {}, 30)
    assert settings.allow.subscriptions is None


def test_all_mistakes_are_told_at_once_each_at_its_line(refused: Callable[..., list[str]]) -> None:
    assert refused(
        'sate = "x"\n'
        "[endpoints.lab]\n"
        'url = "http://lab.example"\n'
        "[limits]\n"
        "request_timeout = 30\n"
        "  reads = { start = 3, ceiling = 1 }\n"
        'service_per_wave = 3\nreply_bytes = "x"\n'
        '[allow]\ncommands = { smoke = "rm -rf /" }\n'
    ) == [
        "rollout.toml:1:1 sate: is no setting; did you mean `state`?",
        "rollout.toml:3:1 endpoints.lab.url: must be https: http is for loopback hosts only",
        'rollout.toml:5:1 limits.request_timeout: must be a duration with its unit, such as "30s" or "500ms"',
        "rollout.toml:6:3 limits.reads: start (3) is above ceiling (1)",
        "rollout.toml:7:1 limits.service_per_wave: is no setting; did you mean `services_per_wave`?",
        "rollout.toml:8:1 limits.reply_bytes: must be a whole number, not 'x'",
        (
            'rollout.toml:10:1 allow.commands.smoke: must be a list of words, such as ["az", "account", '
            '"get-access-token"]: no shell reads it'
        ),
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [("a = \n", ":1:5"), ("[limits\n", ":1:8"), ("a = 1\na = 2\n", ":2:6"), ('x = """\nno end', ":2:1")],
)
def test_what_is_no_toml_is_told_with_line_and_column(text: str, place: str, refused: Callable[..., list[str]]) -> None:
    (problem,) = refused(text)
    assert problem.startswith(f"rollout.toml{place}: is no TOML: ")


@pytest.mark.parametrize(
    ("subscription", "said"),
    [
        ("", "needs a certificate or a token: https://management.core.windows.net lets nobody in without"),
        ('endpoint = "publik"', "endpoint: there is no endpoint 'publik'; did you mean `public`?"),
        (
            'certificate = {pem = "a"}\ntoken = {file = "b"}',
            "has a certificate and a token; needs exactly one of them",
        ),
        ('certificate = {pem = "a", pfx = "b"}', "needs exactly one of pem, pfx, and has pem and pfx"),
        ("token = {}", "needs exactly one of file, command, and has none"),
        ('token = {command = ["az"], timeout = "2h"}', "must be longer than 0s and at most 1h"),
        (
            'certificate = {pem = "a", passphrase = {env = "A", file = "b"}}',
            "needs exactly one of file, env, credential, text, and has file and env",
        ),
    ],
)
def test_a_subscription_needs_one_endpoint_and_one_credential(
    subscription: str, said: str, refused: Callable[..., list[str]]
) -> None:
    (problem,) = refused(f'[subscriptions."{{id}}"]\n{subscription}\n')
    assert problem.startswith("rollout.toml:")
    assert said in problem


def test_an_emulator_is_shown_no_credentials(refused: Callable[..., list[str]], loaded: Callable[..., Loaded]) -> None:
    emulator = '[endpoints.lab]\nurl = "http://127.0.0.1:10080"\n[subscriptions."{id}"]\nendpoint = "lab"\n'
    assert len(loaded(emulator).settings.subscriptions) == 1
    (problem,) = refused(emulator + 'token = {file = "t"}\n')
    assert "token: is not shown over plain http" in problem


def test_a_passphrase_in_plain_text_is_refused_and_not_repeated(refused: Callable[..., list[str]]) -> None:
    (problem,) = refused('[subscriptions."{id}"]\ncertificate = { pem = "a", passphrase = "canary-passphrase" }\n')
    assert "the passphrase itself does not belong here" in problem
    assert "canary" not in problem


def test_a_secret_that_somebody_insists_on_needs_a_private_file(
    refused: Callable[..., list[str]], loaded: Callable[..., Loaded]
) -> None:
    text = '[subscriptions."{id}"]\ncertificate = { pem = "a", passphrase = { text = "canary-passphrase" } }\n'
    (problem,) = refused(text, 0o640)
    assert "is a secret in a file that others can open" in problem
    found = loaded(text)
    assert "canary" not in problem + repr(found) + str(found)
    assert "canary" not in found.settings.model_dump_json()


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_not_believed(mode: int, refused: Callable[..., list[str]]) -> None:
    (problem,) = refused("", mode)
    assert f"can be written by others (mode {mode:04o})" in problem


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read: No such file"):
        load_settings(str(tmp_path / "none.toml"), environ={})


@pytest.mark.parametrize(("data", "said"), [(b"\xff\xfe", "is not UTF-8"), (b"#" * 70_000, "larger than 64 KiB")])
def test_a_file_that_is_no_settings_file_is_named(data: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "rollout.toml"
    file.write_bytes(data)
    with pytest.raises(PolicyError, match=said):
        load_settings(str(file), environ={})


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for file in (tmp_path / "pipe", tmp_path):
        with pytest.raises(PolicyError, match="is not a regular file"):
            load_settings(str(file), environ={})


def test_the_file_is_looked_for_in_four_places_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def place(name: str) -> str:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'state = "/{name.split("/", maxsplit=1)[0]}"')
        return str(file)

    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "user")}
    assert load_settings(environ=environ) == Loaded(load_settings(environ=environ).settings, None)
    place("user/rollout/rollout.toml")
    assert load_settings(environ=environ).settings.state == Path("/user")
    place("here/rollout.toml")
    assert load_settings(environ=environ).settings.state == Path("/here")
    environ["ROLLOUT_CONFIG"] = place("variable/any.toml")
    assert load_settings(environ=environ).settings.state == Path("/variable")
    assert load_settings(place("flag/any.toml"), environ=environ).settings.state == Path("/flag")


def test_the_environment_lies_over_the_file_and_flags_over_both(loaded: Callable[..., Loaded]) -> None:
    text = '[limits]\nrequest_timeout = "10s"\nservices_per_wave = 5\n'
    settings = loaded(text, ROLLOUT_LIMITS_REQUEST_TIMEOUT="20s", ROLLOUT_LIMITS_SERVICES_PER_WAVE="7").settings
    assert (settings.limits.request_timeout, settings.limits.services_per_wave) == (20, 7)
    settings = loaded(
        text,
        flags={"limits.request_timeout": ("--request-timeout", "1m")},
        ROLLOUT_LIMITS_REQUEST_TIMEOUT="20s",
        ROLLOUT_LIMITS_READS_START="1.5",
        ROLLOUT_LIMITS_READS_CEILING="3",
        ROLLOUT_ALLOW_PACKAGE_HOSTS="a.example, *.b.example",
        ROLLOUT_STATE="/var/lib/rollout",
        ROLLOUT_CHECK_PACKAGES="false",
    ).settings
    assert (settings.limits.request_timeout, settings.limits.services_per_wave) == (60, 5)
    assert settings.limits.reads == PaceLimit(start=1.5, ceiling=3)
    assert settings.allow.package_hosts == ("a.example", "*.b.example")
    assert settings.state == Path("/var/lib/rollout")
    assert not settings.check_packages
    assert loaded("", ROLLOUT_CHECK_PACKAGES="true").settings.check_packages


def test_a_wrong_variable_is_named_instead_of_the_file(refused: Callable[..., list[str]]) -> None:
    wrong = {"ROLLOUT_LIMITS_REQUEST_TIMEOUT": "soon", "ROLLOUT_LIMITS_REPLY_BYTE": "5000", "ROLLOUT_URL": "x"}
    (said,) = refused("", ROLLOUT_CHECK_PACKAGES="perhaps")
    assert said.startswith("ROLLOUT_CHECK_PACKAGES check_packages: must be true or false")
    assert refused("", **wrong) == [
        "ROLLOUT_LIMITS_REPLY_BYTE: sets nothing; did you mean `ROLLOUT_LIMITS_REPLY_BYTES`?",
        (
            "ROLLOUT_LIMITS_REQUEST_TIMEOUT limits.request_timeout: must be a duration with its unit, "
            'such as "30s" or "500ms"'
        ),
    ]
