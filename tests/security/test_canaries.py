"""Canaries planted in every source of secrets, failures provoked, and every sink searched: none may sing."""

import base64
import json
import logging
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from rollout.cli.log import log_to_stderr
from rollout.cli.main import cli
from rollout.core.witnessed import Witnessed
from rollout.journal.visitor import Visitor

OURS = "00000000-0000-4000-8000-000000000001"
PASSPHRASE = "CanaryPassphrase-7d1f+/=x"  # noqa: S105 - a canary
TOKEN = "CanaryToken-51c8.a~b+c/d="  # noqa: S105 - a canary
SIGNATURE = "CanarySignature%2B9e2a%3D"
CANARIES = (PASSPHRASE, TOKEN, SIGNATURE, "CanarySignature+9e2a=", "CanaryPrivate")
PACKAGE = f"https://relstore.blob.example/packages/web.cspkg?sv=2015&sp=r&sig={SIGNATURE}"

POLICY = """\
rollout: {rollout}
change:
  upgrade: {{package: "{package}", configuration: web.cscfg, label: web-2}}
fleet: {{subscription: {subscription}, services: {{{service}: {{}}}}}}
health: {{wait_duration: 0s, stable_duration: 20ms, retry_timeout: 2s, interval: 20ms, checks: [instances: ready]}}
walk: {{bake_before_last: 0s, domain_timeout: 20s}}
operation_timeout: {{begin: 20s}}
timeout: 1m
{more}
"""
CONFIGURATION = """\
<ServiceConfiguration serviceName="web" xmlns="http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceConfiguration">
  <Role name="WebRole1"><Instances count="2"/><ConfigurationSettings>
    <Setting name="ConnectionString" value="CanaryPrivate-91b7"/>
  </ConfigurationSettings></Role>
</ServiceConfiguration>
"""

Run = Callable[..., Result]


def forms(canary: str) -> Iterator[str]:
    """Give a canary in its disguises; base64 at each of the three places it can begin at."""
    yield canary
    yield quote(canary, safe="")
    yield quote(canary)
    for shift in range(3):
        encoded = base64.b64encode(b"." * shift + canary.encode()).decode().rstrip("=")
        yield encoded[4 if shift else 0 : -2]


def singing(text: str) -> list[str]:
    return [form for canary in CANARIES for form in forms(canary) if form in text]


def everything_recorded(state: Path) -> str:
    """Give every cell of the journal but the blobs."""
    journal = sqlite3.connect(state / "journal.sqlite")
    try:
        tables = ("entries", "streams", "heartbeat", "meta", "notices", "inbox", "exchanges", "submissions")
        return "\n".join(str(row) for table in tables for row in journal.execute(f"SELECT * FROM {table}"))  # noqa: S608 - our own names
    finally:
        journal.close()


def exchanges_of(state: Path) -> list[Witnessed]:
    """Give how calls were sent and answered, of every service."""
    with Visitor.opened(state) as visitor:
        return [each for row in visitor.streams() for each in visitor.exchanges(row.stream)]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line and check on the way that nothing it says sings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CANARY_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("ROLLOUT_DEBUG", "1")
    monkeypatch.delenv("ROLLOUT_CONFIG", raising=False)

    def call(*words: str | Path) -> Result:
        told = CliRunner().invoke(cli, [str(word) for word in words])
        assert singing(told.stdout) == []
        assert singing(told.stderr) == []
        assert told.exit_code not in {0, 70}, told.output
        return told

    return call


@pytest.fixture
def plant(tmp_path: Path) -> Callable[..., Path]:
    """Write a policy whose package URL is signed, and give its path."""

    def write(service: str = "svc-0001", *, package: str = PACKAGE, more: str = "") -> Path:
        (tmp_path / "web.cscfg").write_text(CONFIGURATION)
        file = tmp_path / "policy.yaml"
        words = {"rollout": f"r-{service}", "service": service, "subscription": OURS, "package": package}
        file.write_text(POLICY.format(**words, more=more))
        return file

    return write


@pytest.fixture
def secrets(tmp_path: Path) -> dict[str, Path]:
    """Write every kind of secret file, private."""
    key = ec.generate_private_key(ec.SECP256R1())
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE.encode()))
    # The certificate is damaged, so that loading fails with the right passphrase in hand.
    damaged = b"-----BEGIN CERTIFICATE-----\nCanaryPrivate\n-----END CERTIFICATE-----\n"
    texts = {
        "passphrase": PASSPHRASE.encode(),
        "token": TOKEN.encode(),
        "pem": damaged + locked,
        "pfx": b"CanaryPrivate",
    }
    files = {}
    for name, data in texts.items():
        files[name] = tmp_path / name
        files[name].touch(mode=0o600)
        files[name].write_bytes(data)
    return files


def settings(folder: Path, credentials: str, *, url: str = "https://localhost:1", ca: Path | None = None) -> Path:
    file = folder / "rollout.toml"
    file.touch(mode=0o600)
    trust = f'ca = "{ca}"\n' if ca else ""
    file.write_text(
        f'state = "state"\n[endpoints.lab]\nurl = "{url}"\n{trust}'
        f'[subscriptions."{OURS}"]\nendpoint = "lab"\n{credentials}\n[limits]\nrequest_timeout = "5s"\n'
    )
    return file


CREDENTIALS = [
    'certificate = { pem = "pem", passphrase = { file = "passphrase" } }',
    'certificate = { pem = "pem", passphrase = { env = "CANARY_PASSPHRASE" } }',
    f'certificate = {{ pem = "pem", passphrase = {{ text = "{PASSPHRASE}" }} }}',
    f'certificate = {{ pem = "pem", passphrase = "{PASSPHRASE}" }}',
    'certificate = { pfx = "pfx", passphrase = { file = "passphrase" } }',
    f'certificate = {{ pem = "pem", passphrase = {{ text = "{PASSPHRASE}", env = 3 }}, pasphrase = "{PASSPHRASE}" }}',
    f'token = {{ file = "token", comand = ["{TOKEN}"] }}',
    'token = { command = ["sh", "-c", "cat token >&2; echo Bearer $(cat token) >&2; exit 1"] }',
    'token = { command = ["sh", "-c", "echo Bearer; cat token"] }',
    f'token = {{ file = "token" }}\nkey = "{TOKEN}',
]


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize("credentials", CREDENTIALS)
def test_s1_no_secret_of_the_settings_sings_when_it_cannot_be_used(
    credentials: str, run: Run, plant: Callable[..., Path], tmp_path: Path
) -> None:
    settings(tmp_path, credentials)
    policy = plant()
    run("doctor")
    run("doctor", "-o", "json")
    run("run", "-f", policy)
    run("fleet", "check", policy)


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize("words", [(), ("-o", "json"), ("-o", "table")])
def test_s1_no_token_sings_when_the_endpoint_repeats_it(
    words: tuple[str, ...], run: Run, plant: Callable[..., Path], gossip: tuple[Any, str, Path], tmp_path: Path
) -> None:
    server, url, ca = gossip
    server.refuse_questions = True
    settings(tmp_path, 'token = { file = "token" }', url=url, ca=ca)
    told = run("run", "-f", plant(), *words)
    assert told.exit_code == 69
    assert "AuthenticationFailed" in told.stderr
    assert "So the network is fine, and what is not accepted is ours: check that the token is for" in told.stderr
    run("doctor")
    run("fleet", "import", "--subscription", OURS)
    assert f"Bearer {TOKEN}" in server.shown


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize("words", [(), ("-o", "json"), ("-o", "table")])
def test_s1_no_signature_and_no_token_sings_from_a_run_whose_calls_are_refused(
    *,
    words: tuple[str, ...],
    run: Run,
    plant: Callable[..., Path],
    gossip: tuple[Any, str, Path],
    services: Callable[[], str],
    tmp_path: Path,
) -> None:
    server, url, ca = gossip
    settings(tmp_path, 'token = { file = "token" }', url=url, ca=ca)
    told = run("run", "-f", plant(services()), *words)
    assert "BadRequest" in told.output
    assert any(SIGNATURE in shown for shown in server.shown), "the call that carries the signature was never made"
    recorded = everything_recorded(tmp_path / "state")
    assert "BadRequest" in recorded
    assert singing(recorded) == []
    exchanges = exchanges_of(tmp_path / "state")
    assert [(each.what, each.status) for each in exchanges] == [("upgrade", 400)]
    assert "<PackageUrl>https://relstore.blob.example/packages/web.cspkg?…</PackageUrl>" in exchanges[0].request
    assert "You sent …" in exchanges[0].answer


def test_s1_nothing_sings_from_a_run_that_goes_back(
    run: Run, plant: Callable[..., Path], emulator: str, services: Callable[[], str], tmp_path: Path
) -> None:
    service = services()
    fail_next(emulator, service)
    words = ("--endpoint", emulator, "--state", tmp_path / "state")
    told = run("run", "-f", plant(service), *words)
    assert told.exit_code == 3, told.output
    assert singing(everything_recorded(tmp_path / "state")) == []
    whats = [each.what for each in exchanges_of(tmp_path / "state")]
    assert whats == ["upgrade", "walk of domain 0", "walk of domain 1", "outcome of the walk of domain 1", "rollback"]
    single = CliRunner().invoke(
        cli, ["get", f"r-{service}/{service}", "--state", str(tmp_path / "state"), "-o", "json"]
    )
    (row,) = json.loads(single.stdout)["services"]
    assert [each["what"] for each in row["exchanges"]] == whats
    assert singing(single.stdout) == []
    for form in ("json", "html"):
        page = CliRunner().invoke(cli, ["report", f"r-{service}", "--state", str(tmp_path / "state"), "-o", form])
        assert "outcome of the walk of domain 1" in page.stdout
        assert singing(page.stdout) == []
    changed = run("run", "-f", plant(service, package=PACKAGE.replace("web.cspkg", "other.cspkg")), *words)
    assert changed.exit_code == 6, changed.output
    assert "other.cspkg" in changed.stderr


def test_s1_what_holds_the_secrets_is_private(
    run: Run, plant: Callable[..., Path], emulator: str, services: Callable[[], str], tmp_path: Path
) -> None:
    service = services()
    fail_next(emulator, service)
    before = os.umask(0)
    try:
        run("run", "-f", plant(service), "--endpoint", emulator, "--state", tmp_path / "state")
    finally:
        os.umask(before)
    state = tmp_path / "state"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in state.rglob("*") if file.is_file()}
    assert "journal.sqlite" in modes
    assert set(modes.values()) == {0o600}, modes
    journal = sqlite3.connect(state / "journal.sqlite")
    try:
        blobs = [bytes(row[0]) for row in journal.execute("SELECT payload FROM blobs")]
    finally:
        journal.close()
    assert PACKAGE.encode() in blobs, "going on needs the signed URL, and only a blob may keep it"


@pytest.mark.parametrize(
    ("package", "more"),
    [
        (PACKAGE.replace("https", "http"), ""),
        (PACKAGE.replace("relstore", "user:CanaryPrivate@relstore"), ""),
        (PACKAGE + "{tag.nowhere}", ""),
        (PACKAGE, "nonsense: [1"),
        (PACKAGE, "walks: {}"),
        (PACKAGE.replace("https://", ""), ""),
    ],
)
def test_s1_no_signature_sings_from_a_policy_that_is_wrong(
    package: str, more: str, run: Run, plant: Callable[..., Path]
) -> None:
    policy = plant(package=package, more=more)
    assert run("validate", policy).exit_code == 65
    assert run("validate", policy, "-o", "json").exit_code == 65
    assert run("run", "-f", policy).exit_code == 65


def test_s1_no_log_line_sings(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(logging.DEBUG)
    try:
        log = structlog.get_logger("test")
        log.warning("a_package", package=PACKAGE, token=TOKEN, settings={"passphrase": PASSPHRASE})
        log.error("a_header", headers=[f"Authorization: Bearer {TOKEN}"], raw=f"sig={SIGNATURE}".encode())
        try:
            int(f"GET {PACKAGE} with Bearer {TOKEN}")
        except ValueError:
            log.exception("a_failure")
    finally:
        structlog.reset_defaults()
    said = capsys.readouterr()
    assert said.err.count("\n") >= 3
    assert "a_failure" in said.err
    assert singing(said.err + said.out) == []


def test_a_canary_that_sings_is_heard() -> None:
    for canary in CANARIES:
        wrapped = base64.b64encode(f"ab {canary} and more".encode()).decode()
        assert singing(f"x{canary}y")
        assert singing(wrapped)
        assert singing(quote(canary, safe=""))
    assert singing("nothing to hear") == []


def fail_next(emulator: str, service: str) -> None:
    """Let the walk of the second domain fail."""
    import urllib.request

    fault = [{"service": service, "verb": "walk", "domain": 1, "effect": "fail"}]
    body = json.dumps(fault).encode()
    request = urllib.request.Request(f"{emulator}/_emulator/faults", body, method="PUT")  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - loopback
        pass
