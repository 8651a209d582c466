"""What the settings say of checks: whom they may ask, which servers and commands there are, and what is signed with."""

from collections.abc import Callable

import pytest

from rollout.settings.load import Loaded

Load = Callable[..., Loaded]
Refused = Callable[..., list[str]]


def test_hosts_of_checks_are_names_addresses_and_networks(loaded: Load) -> None:
    listed = '["gate.internal", "*.Internal", "127.0.0.1", "::1", "[::1]", "10.0.0.0/8", "fd00::/8"]'
    hosts = loaded(f"[allow]\nhosts = {listed}").settings.allow.hosts
    assert hosts == ("gate.internal", "*.internal", "127.0.0.1", "::1", "::1", "10.0.0.0/8", "fd00::/8")


@pytest.mark.parametrize("host", ["10.0.0.1/8", "10.0.0.0/40", "http://a", "a b", "", "a/b"])
def test_what_is_no_host_of_checks_is_refused_at_its_place(refused: Refused, host: str) -> None:
    (problem,) = refused(f'[allow]\nhosts = ["{host}"]')
    assert problem.startswith("rollout.toml:2:")
    assert "must be a host such as" in problem


def test_metric_servers_and_webhook_keys_are_named_tables(loaded: Load) -> None:
    text = (
        '[metrics.default]\nurl = "http://prometheus.internal:9090/"\ntoken = {env = "PROM"}\n'
        '[webhooks]\nsign_with = "k2"\nkeys.k1 = {file = "k1"}\nkeys.k2 = {env = "KEY"}\n'
    )
    settings = loaded(text).settings
    assert settings.metrics["default"].url == "http://prometheus.internal:9090"
    assert settings.webhooks.signing == "k2"
    assert loaded('[webhooks.keys]\nk1 = {env = "K"}').settings.webhooks.signing == "k1"
    assert loaded("").settings.webhooks.signing is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[metrics.a]\nurl = "prometheus:9090"', "metrics.a.url: must be a URL such as"),
        ('[metrics.a]\nurl = "http://u:p@prometheus"', "gives scheme, host, port and path only"),
        ('[metrics.a]\nurl = "http://[bad"', "is not a URL"),
        ('[metrics.a]\ntoken = {env = "T"}', "metrics.a.url: is missing"),
        ('[webhooks]\nsign_with = "key2"\nkeys.key1 = {env = "K"}', "there is no key 'key2'; did you mean `key1`?"),
        ('[webhooks.keys]\nk1 = {env = "K"}\nk2 = {env = "L"}', "there are 2 keys; sign_with says which one signs"),
        ("[webhooks.keys]\nk1 = {}", "needs exactly one of file, env, credential, text, and has none"),
    ],
)
def test_what_is_wrong_with_servers_and_keys_is_told(refused: Refused, text: str, said: str) -> None:
    assert said in "\n".join(refused(text))


@pytest.mark.parametrize("table", ["[webhooks.keys]\nk1 = ", '[metrics.a]\nurl = "http://a"\ntoken = '])
def test_a_key_in_the_file_itself_wants_a_private_file(refused: Refused, table: str) -> None:
    (problem,) = refused(f'{table}{{text = "hush hush"}}', 0o644)
    assert "is a secret in a file that others can open" in problem
    assert "hush" not in problem


TOLD = """
[webhooks.keys]
k1 = {env = "K"}
[notify.webhooks.team]
url = "http://chat.internal:8080/hooks/1"
events = ["started", "finished"]
[notify.webhooks.pager]
url_from = {env = "PAGER"}
format = "slack"
[notify.heartbeat]
url = "https://dead.example/1"
every = "30s"
"""


def test_who_is_told_of_every_rollout_stands_in_named_tables(loaded: Load) -> None:
    told = loaded(TOLD).settings.notify
    assert told.webhooks["team"].events == ("started", "finished")
    assert (told.webhooks["pager"].events, told.webhooks["pager"].format) == (("needs_attention", "finished"), "slack")
    assert told.heartbeat is not None
    assert told.heartbeat.every == 30.0
    assert loaded("").settings.notify.heartbeat is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[notify.webhooks.a]\nurl = "https://a.example"',
            "notify.webhooks.a: is sent signed notices",
        ),
        ('[notify.webhooks.a]\nformat = "slack"', "needs exactly one of url, url_from, and has none"),
        ('[notify.webhooks.a]\nurl = "https://a.example"\nevents = ["end"]', "notify.webhooks.a.events[0]: "),
        ('[notify.heartbeat]\nurl = "https://u:p@a.example"', "gives scheme, host, port and path only"),
        ('[notify.heartbeat]\nurl = "https://a.example"\nevery = 5', "must be a duration with its unit"),
    ],
)
def test_what_is_wrong_with_who_is_told_is_said_at_its_place(refused: Refused, text: str, said: str) -> None:
    assert said in "\n".join(refused(text))


@pytest.mark.parametrize("table", ['[notify.webhooks.a]\nformat = "slack"\n', "[notify.heartbeat]\n"])
def test_a_url_that_is_a_secret_in_the_file_itself_wants_a_private_file(refused: Refused, table: str) -> None:
    (problem,) = refused(f'{table}url_from = {{text = "https://hush.example"}}', 0o644)
    assert "is a secret in a file that others can open" in problem
    assert "hush" not in problem
