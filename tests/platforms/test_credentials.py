"""Credentials: which certificate files are trusted, what is said of bad ones, and a real handshake with good ones."""

import asyncio
import datetime as dt
import os
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from rollout.platforms.classic.access import NOBODY, NoAccess
from rollout.platforms.classic.credentials import open_credentials
from rollout.platforms.classic.private_files import private_fault
from rollout.platforms.classic.secret_sources import fetch_passphrase
from rollout.settings.model import Access, Certificate, SecretSource
from rollout.settings.secret import Secret

PASSPHRASE = "canary-passphrase"  # noqa: S105 - made for this test


class Pair:
    """A self-signed management certificate and its key."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "management")])
        since = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        self.certificate = (
            x509.CertificateBuilder(name, name, self.key.public_key(), 1, since, since.replace(year=2060))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    @property
    def shown(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def kept(self, passphrase: str = "") -> bytes:
        lock = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)

    def pfx(self, passphrase: str = "") -> bytes:
        lock = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
        return pkcs12.serialize_key_and_certificates(b"management", self.key, self.certificate, None, lock)


@pytest.fixture(scope="module")
def pair() -> Pair:
    return Pair()


@pytest.fixture
def keep(tmp_path: Path) -> Callable[..., Path]:
    def write(data: bytes, name: str = "management.pem", mode: int = 0o600) -> Path:
        file = tmp_path / name
        file.write_bytes(data)
        file.chmod(mode)
        return file

    return write


def opening(*, passphrase: str | None = None, **files: Path) -> Any:
    source = SecretSource(text=Secret(passphrase)) if passphrase else None
    return open_credentials(
        Access(certificate=Certificate(pem=files.get("pem"), pfx=files.get("pfx"), passphrase=source))
    )


def refusal(**given: Any) -> str:
    with pytest.raises(NoAccess) as caught:
        opening(**given)
    assert caught.value.exit_code == 1
    assert PASSPHRASE not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


# --- a good one ---


async def handshake(context: ssl.SSLContext, pair: Pair) -> str:
    """Meet a server that lets nobody in without the certificate, and give what it said."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(cadata=pair.shown.decode())
    authority.configure_trust(context)

    served = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(5))
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        served.set()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server)
    port = listener.sockets[0].getsockname()[1]
    async with listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
        writer.write(b"hello")
        said = await reader.read(5)
        writer.close()
        await writer.wait_closed()
        await served.wait()
    return said.decode()


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
@pytest.mark.parametrize("kind", ["pem", "pfx"])
def test_a_certificate_opens_the_door_and_leaves_nothing_on_the_disk(
    kind: str, passphrase: str | None, pair: Pair, keep: Callable[..., Path], tmp_path: Path
) -> None:
    data = pair.pfx(passphrase or "") if kind == "pfx" else pair.shown + pair.kept(passphrase or "")
    credentials = opening(passphrase=passphrase, **{kind: keep(data)})
    context = credentials.ssl_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert asyncio.run(handshake(context, pair)) == "hello"
    assert len(list(tmp_path.iterdir())) == 1


async def test_without_any_access_nothing_is_shown(pair: Pair, keep: Callable[..., Path]) -> None:
    assert open_credentials(None) is NOBODY
    assert NOBODY.ssl_context() is None
    certificate = opening(pem=keep(pair.shown + pair.kept()))
    assert (await certificate.authorization(), await certificate.refresh()) == (None, False)


# --- who may read it ---


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o666])
def test_p5_a_key_that_others_can_open_is_refused(mode: int, pair: Pair, keep: Callable[..., Path]) -> None:
    file = keep(pair.shown + pair.kept(), mode=mode)
    assert f"is open to other users (mode {mode:04o}); if nobody looked, run: chmod 0600 {file}" in refusal(pem=file)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_p6_a_key_that_belongs_to_somebody_else_is_refused(pair: Pair, keep: Callable[..., Path]) -> None:
    file = keep(pair.shown + pair.kept())
    os.chown(file, 12345, -1)
    assert f"{file} belongs to user 12345 and not to us" in refusal(pem=file)


def test_p6_ownership_is_judged_by_what_was_opened(pair: Pair, keep: Callable[..., Path]) -> None:
    status = list(keep(pair.kept()).stat())
    assert private_fault(Path("key.pem"), os.stat_result(status)) == ""
    status[4] = os.geteuid() + 1
    assert "belongs to user" in private_fault(Path("key.pem"), os.stat_result(status))


def test_a_link_to_a_key_is_refused(pair: Pair, keep: Callable[..., Path], tmp_path: Path) -> None:
    link = tmp_path / "link.pem"
    link.symlink_to(keep(pair.shown + pair.kept()))
    assert "is a symbolic link" in refusal(pem=link)


@pytest.mark.parametrize("what", ["missing", "folder", "pipe", "huge"])
def test_what_is_no_key_file_at_all_is_named(what: str, keep: Callable[..., Path], tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    said = {"missing": "does not exist", "folder": "is not a regular file", "pipe": "is not a regular file"}
    match what:
        case "folder":
            file.mkdir()
        case "pipe":
            os.mkfifo(file, 0o600)
        case "huge":
            keep(b"x" * (2 << 20), "key.pem")
        case _:
            assert not file.exists()
    assert said.get(what, "is larger than 1 MiB") in refusal(pem=file)


# --- what is in it ---


def test_p7_a_certificate_without_a_key_is_refused(pair: Pair, keep: Callable[..., Path]) -> None:
    assert "holds no private key" in refusal(pem=keep(pair.shown))
    assert "holds no certificate" in refusal(pem=keep(pair.kept()))
    assert "holds no private key" in refusal(pem=keep(b"what is this?"))


def test_p7_an_encrypted_key_needs_its_passphrase(pair: Pair, keep: Callable[..., Path]) -> None:
    file = keep(pair.shown + pair.kept(PASSPHRASE))
    assert "is encrypted, and the settings name no passphrase" in refusal(pem=file)
    assert "the passphrase from the settings is wrong" in refusal(pem=file, passphrase="wrong " + PASSPHRASE)


def test_p7_a_pfx_with_a_wrong_passphrase_is_refused(pair: Pair, keep: Callable[..., Path]) -> None:
    file = keep(pair.pfx(PASSPHRASE), "management.pfx")
    wrong = refusal(pfx=file, passphrase="wrong " + PASSPHRASE)
    assert "cannot be opened with the passphrase from the settings" in wrong
    assert "cannot be opened without a passphrase" in refusal(pfx=file)
    assert "this is no PFX file" in refusal(pfx=keep(b"junk"))


def test_key_and_certificate_must_belong_together(pair: Pair, keep: Callable[..., Path]) -> None:
    assert "do not belong together" in refusal(pem=keep(Pair().shown + pair.kept()))
    damaged = pair.shown + pair.kept()[:100]
    assert "cannot be used as a certificate with its key" in refusal(pem=keep(damaged))


def test_a_pfx_without_the_extra_says_what_to_install(
    pair: Pair, keep: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.serialization", None)
    said = refusal(pfx=keep(pair.pfx()))
    assert "pip install 'rollout-engine[pfx]'" in said
    assert "openssl pkcs12" in said


def test_authorities_that_cannot_be_read_are_named(tmp_path: Path, keep: Callable[..., Path]) -> None:
    for ca in (tmp_path / "none.pem", keep(b"junk", "ca.pem")):
        with pytest.raises(NoAccess, match=f"the certificate authorities in {ca} cannot be used"):
            open_credentials(Access(ca=ca))


# --- where the passphrase is ---


def passphrase_from(environ: dict[str, str], **source: Any) -> str:
    return fetch_passphrase(SecretSource(**source), environ).reveal()


def test_a_passphrase_comes_from_a_file_a_variable_or_systemd(keep: Callable[..., Path], tmp_path: Path) -> None:
    file = keep(f"{PASSPHRASE} \r\n".encode(), "passphrase")
    assert passphrase_from({}, file=file) == f"{PASSPHRASE} "
    assert passphrase_from({"CERT": PASSPHRASE}, env="CERT") == PASSPHRASE
    file.chmod(0o440)
    assert passphrase_from({"CREDENTIALS_DIRECTORY": str(tmp_path)}, credential="passphrase") == f"{PASSPHRASE} "


def test_a_passphrase_that_is_not_there_says_where_it_was_looked_for(keep: Callable[..., Path], tmp_path: Path) -> None:
    systemd = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    cases: list[tuple[dict[str, str], dict[str, Any], str]] = [
        ({}, {"env": "CERT"}, "the variable CERT, which is not set"),
        ({"CERT": ""}, {"env": "CERT"}, "the variable CERT, which is not set"),
        ({}, {"credential": "cert"}, r"LoadCredential=cert:FILE"),
        (systemd, {"credential": "cert"}, "cert cannot be read: No such file"),
        (systemd, {"credential": keep(b"x", "open", 0o644).name}, "other users can open it"),
        ({}, {"file": keep(b"\n", "empty")}, "is empty"),
        ({}, {"file": keep(b"x" * 2_000, "long")}, "more than 1024 bytes"),
        ({}, {"file": keep(b"\xff", "bytes")}, "is not UTF-8"),
        ({}, {"file": keep(b"x", "shared", 0o644)}, "is open to other users"),
    ]
    for environ, source, said in cases:
        with pytest.raises(NoAccess, match=said):
            passphrase_from(environ, **source)
