"""A management certificate with its key becomes a TLS context; nothing decrypted touches the disk."""

import contextlib
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rollout.errors import InvariantBroken
from rollout.platforms.classic.access import NoAccess
from rollout.platforms.classic.private_files import read_private
from rollout.platforms.classic.secret_sources import fetch_passphrase
from rollout.settings.model import Certificate
from rollout.settings.secret import Secret

if TYPE_CHECKING:
    from types import ModuleType

_KEY: Final = b"PRIVATE KEY-----"
_CERTIFICATE: Final = b"-----BEGIN CERTIFICATE-----"
_ENCRYPTED: Final = (b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED")


def tls_context(ca: Path | None = None) -> ssl.SSLContext:
    """Make a context that checks names and chains, against the machine's authorities or those in `ca`."""
    try:
        return ssl.create_default_context(cafile=str(ca) if ca else None)
    except (OSError, ssl.SSLError) as error:
        raise NoAccess(f"the certificate authorities in {ca} cannot be used: {_reason(error)}") from None


def load_certificate(context: ssl.SSLContext, certificate: Certificate) -> None:
    """Let `context` show a certificate; raises NoAccess, in words that hold neither key nor passphrase."""
    passphrase = fetch_passphrase(certificate.passphrase) if certificate.passphrase else None
    path = certificate.pem or certificate.pfx
    if path is None:
        raise InvariantBroken("a certificate without a file")
    pem, passphrase = opened_pem(certificate, passphrase)
    if _KEY not in pem:
        raise NoAccess(f"{path} holds no private key: the certificate alone proves nothing; add its key to the file")
    if _CERTIFICATE not in pem:
        raise NoAccess(f"{path} holds no certificate, only a key: add the certificate that was uploaded")
    encrypted = any(mark in pem for mark in _ENCRYPTED)
    if encrypted and passphrase is None:
        raise NoAccess(f"the key in {path} is encrypted, and the settings name no passphrase for it")
    try:
        with _in_memory(pem) as file:
            # Without a passphrase OpenSSL would ask on the terminal; an empty one only fails.
            context.load_cert_chain(file, password=passphrase.reveal() if passphrase else "")
    except (ssl.SSLError, ValueError) as error:
        raise NoAccess(_refused(path, error, encrypted=encrypted)) from None


def opened_pem(certificate: Certificate, passphrase: Secret | None) -> tuple[bytes, Secret | None]:
    """Give certificate and key as PEM, and the passphrase that PEM still needs."""
    if certificate.pem is not None:
        return read_private(certificate.pem, "the management certificate"), passphrase
    if certificate.pfx is None:
        raise InvariantBroken("a certificate without a file")
    return _open_pfx(certificate.pfx, passphrase), None


def _open_pfx(path: Path, passphrase: Secret | None) -> bytes:
    data = read_private(path, "the management certificate")
    pkcs12 = _pkcs12(path)
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    try:
        key, own, others = pkcs12.load_key_and_certificates(data, passphrase.reveal().encode() if passphrase else None)
    except (ValueError, TypeError):
        tried = "with the passphrase from the settings" if passphrase else "without a passphrase"
        raise NoAccess(f"{path} cannot be opened {tried}: the passphrase is wrong, or this is no PFX file") from None
    if key is None or own is None:
        raise NoAccess(f"{path} holds no {'private key' if key is None else 'certificate'}; export both together")
    parts = [key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())]
    return b"".join([*parts, *(each.public_bytes(Encoding.PEM) for each in (own, *others))])


def _pkcs12(path: Path) -> "ModuleType":
    try:
        from cryptography.hazmat.primitives.serialization import pkcs12
    except ImportError:
        raise NoAccess(
            f"{path} is a PFX file, and reading it needs the extra `pfx`: run pip install 'rollout-engine[pfx]', or "
            f"turn it into PEM: openssl pkcs12 -in {path} -out FILE.pem"
        ) from None
    return pkcs12


@contextlib.contextmanager
def _in_memory(data: bytes) -> Iterator[str]:
    """Give bytes as a path, as OpenSSL wants it: a file that lives in memory only, and has no name on any disk."""
    descriptor = os.memfd_create("management-certificate", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        yield f"/proc/self/fd/{descriptor}"


def _refused(path: Path, error: ssl.SSLError | ValueError, *, encrypted: bool) -> str:
    reason = _reason(error)
    if "KEY_VALUES_MISMATCH" in reason:
        return f"key and certificate in {path} do not belong together"
    if encrypted:
        return f"the key in {path} cannot be opened: the passphrase from the settings is wrong, or the file is damaged"
    return f"{path} cannot be used as a certificate with its key: {reason}"


def _reason(error: Exception) -> str:
    """Name an error without its text where the text may quote what it was given."""
    if isinstance(error, ssl.SSLError):
        return error.reason or "not the expected format"
    return getattr(error, "strerror", None) or type(error).__name__


def not_after(certificate: Certificate) -> float | None:
    """Give when a certificate that could be loaded ends, POSIX seconds; None without the `pfx` extra."""
    try:
        from cryptography import x509
    except ImportError:
        return None
    passphrase = fetch_passphrase(certificate.passphrase) if certificate.passphrase else None
    pem, _ = opened_pem(certificate, passphrase)
    own = pem[pem.index(_CERTIFICATE) :]
    return x509.load_pem_x509_certificate(own).not_valid_after_utc.timestamp()
