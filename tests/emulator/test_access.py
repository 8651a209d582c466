"""Who may call: mutual TLS and bearer tokens, and what a listing says of them."""

import hashlib
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import ClientConnectionError, ClientSession
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from rollout.emulator.access import Access
from rollout.emulator.fleet import SUBSCRIPTION
from rollout.emulator.server import serve
from rollout.errors import UsageError

SLOT = f"/{SUBSCRIPTION}/services/hostedservices/svc-0001/deploymentslots/production"
RIGHT = "right"
VERSION = {"x-ms-version": "2015-09-01"}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def write(path: Path, *blobs: Any) -> Path:
    path.write_bytes(b"".join(blob.bytes() for blob in blobs))
    return path


@pytest.fixture
def tls(authority: trustme.CA, tmp_path: Path) -> Access:
    issued = authority.issue_cert("127.0.0.1")
    return Access(
        tls_cert=write(tmp_path / "server.crt", *issued.cert_chain_pems),
        tls_key=write(tmp_path / "server.key", issued.private_key_pem),
        client_ca=write(tmp_path / "authority.crt", authority.cert_pem),
    )


def client_context(authority: trustme.CA, certificate: Any = None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if certificate is not None:
        certificate.configure_cert(context)
    return context


async def get(url: str, context: Any = True, **headers: str) -> tuple[int, dict[str, str], bytes]:
    given = {**VERSION, **headers}
    async with ClientSession() as session, session.get(url + SLOT, ssl=context, headers=given) as reply:
        return reply.status, dict(reply.headers), await reply.read()


async def test_a_client_certificate_opens_the_door_and_no_other_does(
    make_stage: Any, authority: trustme.CA, tls: Access
) -> None:
    async with serve(make_stage().fabric, access=tls) as url:
        assert url.startswith("https://127.0.0.1:")
        assert (await get(url, client_context(authority, authority.issue_cert("me.example"))))[0] == 200
        with pytest.raises(ClientConnectionError):
            await get(url, client_context(authority))
        with pytest.raises(ClientConnectionError):
            await get(url, client_context(authority, trustme.CA().issue_cert("me.example")))


async def test_a_listing_names_the_certificate_that_called(
    make_stage: Any, authority: trustme.CA, tls: Access, golden: Any
) -> None:
    stage = make_stage(domains=2)
    certificate = authority.issue_cert("me.example")
    body = golden("upgrade.request.xml")
    async with serve(stage.fabric, access=tls) as url, ClientSession(headers=VERSION) as session:
        context = client_context(authority, certificate)
        async with session.post(f"{url}{SLOT}?comp=upgrade", data=body, ssl=context) as reply:
            assert reply.status == 202
    (operation,) = stage.fabric.world.history.values()
    plain = x509.load_pem_x509_certificate(certificate.cert_chain_pems[0].bytes()).public_bytes(Encoding.DER)
    assert operation.caller.thumbprint == hashlib.sha1(plain, usedforsecurity=False).hexdigest().upper()


async def test_https_without_client_certificates_is_served_too(
    make_stage: Any, authority: trustme.CA, tls: Access
) -> None:
    async with serve(make_stage().fabric, access=Access(tls.tls_cert, tls.tls_key)) as url:
        assert (await get(url, client_context(authority)))[0] == 200


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("shown", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic right"}])
async def test_without_the_right_token_the_answer_is_the_recorded_one(
    make_stage: Any, golden: Any, status: int, shown: dict[str, str]
) -> None:
    stage = make_stage(token_failure=status)
    async with serve(stage.fabric, access=Access(token=RIGHT)) as url:
        got, headers, body = await get(url, **shown)
        assert (got, body) == (status, golden("error.token.response.xml"))
        assert headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
        assert "x-ms-request-id" not in headers
        assert (await get(url, Authorization="bearer right"))[0] == 200


async def test_a_token_file_is_read_anew_for_each_call(make_stage: Any, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n", encoding="utf-8")
    async with serve(make_stage().fabric, access=Access(token=f"@{file}")) as url:
        assert (await get(url, Authorization="Bearer first"))[0] == 200
        file.write_text("second", encoding="utf-8")
        assert (await get(url, Authorization="Bearer first"))[0] == 401
        assert (await get(url, Authorization="Bearer second"))[0] == 200
        file.unlink()
        assert (await get(url, Authorization="Bearer "))[0] == 401


async def test_a_listing_tells_a_token_from_a_certificate(make_stage: Any, golden: Any) -> None:
    stage = make_stage(domains=2)
    headers = {**VERSION, "Authorization": "Bearer right"}
    async with (
        serve(stage.fabric, access=Access(token=RIGHT)) as url,
        ClientSession(headers=headers) as session,
        session.post(f"{url}{SLOT}?comp=upgrade", data=golden("upgrade.request.xml")) as reply,
    ):
        assert reply.status == 202
    (operation,) = stage.fabric.world.history.values()
    assert (operation.caller.email, operation.caller.thumbprint) == ("operator@bearer.example", None)


def test_files_that_cannot_be_used_are_usage_errors(tmp_path: Path, authority: trustme.CA) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_bytes(b"")
    good = write(tmp_path / "good.pem", authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem)
    locked = tmp_path / "locked.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    secret = BestAvailableEncryption(b"passphrase")
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret))
    for access in (
        Access(tls_key=good),
        Access(client_ca=good),
        Access(tls_cert=empty),
        Access(tls_cert=tmp_path / "missing.pem"),
        Access(tls_cert=good, client_ca=empty),
        Access(tls_cert=good, tls_key=locked),
    ):
        with pytest.raises(UsageError, match=r"--tls-cert|TLS files"):
            access.context()
    assert Access(tls_cert=good).context() is not None


@pytest.mark.parametrize("token", ["", "@", "@/nonexistent"])
def test_a_token_that_cannot_be_used_is_a_usage_error(token: str) -> None:
    with pytest.raises(UsageError, match="--token"):
        Access(token=token).check()
