"""Credentials as the settings name them, ready to be shown: a certificate in a TLS context, or a bearer token."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from rollout.platforms.classic.access import NOBODY, Credentials, NoAccess, Plain
from rollout.platforms.classic.certificate import load_certificate, tls_context
from rollout.platforms.classic.private_files import read_private
from rollout.platforms.classic.token_command import run_token_command
from rollout.settings.model import Access, Token
from rollout.settings.secret import Secret

TOKEN_CHARS_MAX: Final = 16_384


def open_credentials(access: Access | None) -> Credentials:
    """Open what one endpoint is shown; raises NoAccess where it cannot be used.

    A certificate is read now and once. A token is fetched at its first use, and again when it is refused.
    """
    if access is None:
        return NOBODY
    context = tls_context(access.ca)
    if access.certificate is not None:
        load_certificate(context, access.certificate)
    if access.token is not None:
        return Bearer(context, partial(fetch_token, access.token))
    return Plain(context)


class Bearer:
    """A bearer token that is kept until it is refused."""

    def __init__(self, context: ssl.SSLContext, fetch: Callable[[], Awaitable[Secret]]) -> None:
        self._context = context
        self._fetch = fetch
        self._token: Secret | None = None
        self._first = asyncio.Lock()

    def ssl_context(self) -> ssl.SSLContext | None:
        """Give the context that checks whom the token is shown to."""
        return self._context

    async def authorization(self) -> str | None:
        """Give the header's value; the first call fetches the token. Raises NoAccess."""
        async with self._first:
            if self._token is None:
                self._token = await self._fetch()
        return f"Bearer {self._token.reveal()}"

    async def refresh(self) -> bool:
        """Fetch the token again; False = it is still the refused one. Raises NoAccess."""
        refused, self._token = self._token, await self._fetch()
        return self._token != refused


async def fetch_token(token: Token) -> Secret:
    """Get a token from its file or command; raises NoAccess."""
    if token.command is not None:
        said, place = await run_token_command(token.command, token.timeout), f"the command {token.command[0]}"
    elif token.file is not None:
        said, place = read_private(token.file, "the token file"), f"the token file {token.file}"
    else:
        raise NoAccess("the settings name no place for the token")
    return _token(said, place)


def _token(said: bytes, place: str) -> Secret:
    """Take one word of printable ASCII: anything else could end the header and begin another."""
    try:
        text = said.decode("ascii").strip()
    except UnicodeDecodeError:
        raise NoAccess(f"{place} gives something that is no token: it is not plain ASCII") from None
    if not text:
        raise NoAccess(f"{place} gives no token: it is empty")
    if len(text) > TOKEN_CHARS_MAX:
        raise NoAccess(f"{place} gives more than {TOKEN_CHARS_MAX} characters, so it is no token")
    if not text.isprintable() or " " in text:
        raise NoAccess(f"{place} gives something that is no token: one word is expected, without `Bearer` before it")
    return Secret(text)
