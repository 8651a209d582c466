"""Access: who may call, by client certificate or bearer token, and how a listing names them afterwards."""

import hashlib
import hmac
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from rollout.emulator.callers import OURS, Caller
from rollout.errors import UsageError

TOKEN_BYTES_MAX: Final = 64 * 1024
FILE_MARK: Final = "@"
"""A token that begins so names a file, which is read anew for each call: a token can be replaced while we serve."""

_SCHEME: Final = "bearer "
_BEARER_EMAIL: Final = "operator@bearer.example"


@dataclass(frozen=True, slots=True)
class Access:
    """What a caller must show; nothing at all unless it is given."""

    tls_cert: Path | None = None
    """The server's certificate chain in PEM; with it the emulator speaks https only."""
    tls_key: Path | None = None
    """None = the key lies beside the certificate in one file."""
    client_ca: Path | None = None
    """Who signs the client certificates; with it every connection must show one."""
    token: str | None = None
    """A bearer token, or `@FILE`."""

    def context(self) -> ssl.SSLContext | None:
        """Give the TLS settings. Raises UsageError for files that cannot be used, and for halves of a whole."""
        if self.tls_cert is None:
            if self.tls_key is not None or self.client_ca is not None:
                raise UsageError("--tls-key and --client-ca need --tls-cert: without a certificate there is no TLS")
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            # A password is answered with nothing, so that an encrypted key is an error and not a prompt.
            context.load_cert_chain(self.tls_cert, self.tls_key, password="")
            if self.client_ca is not None:
                context.load_verify_locations(self.client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
        except OSError as error:
            names = ", ".join(str(path) for path in (self.tls_cert, self.tls_key, self.client_ca) if path is not None)
            raise UsageError(f"cannot use the TLS files {names}: {error.strerror or error}") from error
        return context

    def check(self) -> "Access":
        """Give itself. Raises UsageError for a token that cannot be used."""
        if self.token is not None and not self._expected():
            raise UsageError("--token is empty, or its file is missing, empty or too large; give TOKEN or @FILE")
        return self

    def admits(self, request: web.Request) -> bool:
        """Say whether a request shows the token, where one is asked for."""
        if self.token is None:
            return True
        shown = request.headers.getall("Authorization", [])
        if len(shown) != 1 or not shown[0].lower().startswith(_SCHEME):
            return False
        expected = self._expected()
        given = shown[0][len(_SCHEME) :].strip().encode("utf-8", "surrogateescape")
        return bool(expected) and hmac.compare_digest(given, expected)

    def caller(self, request: web.Request) -> Caller:
        """Tell who calls: by certificate, by token, or nobody in particular."""
        address = request.remote or OURS.client_ip
        connection = request.get_extra_info("ssl_object")
        certificate = connection.getpeercert(binary_form=True) if isinstance(connection, ssl.SSLObject) else None
        if certificate is not None:
            # The service knows management certificates by this digest; nothing is protected by it here.
            thumbprint = hashlib.sha1(certificate, usedforsecurity=False).hexdigest().upper()
            return Caller(used_management_api=True, email=None, thumbprint=thumbprint, client_ip=address)
        if self.token is not None:
            return Caller(used_management_api=True, email=_BEARER_EMAIL, thumbprint=None, client_ip=address)
        return OURS

    def _expected(self) -> bytes:
        token = self.token or ""
        if not token.startswith(FILE_MARK):
            return token.encode()
        try:
            with Path(token.removeprefix(FILE_MARK)).open("rb") as file:
                content = file.read(TOKEN_BYTES_MAX + 1)
        except OSError:
            return b""
        return b"" if len(content) > TOKEN_BYTES_MAX else content.strip()


OPEN: Final = Access()
"""Nobody is asked who they are; only loopback is served anyway."""
