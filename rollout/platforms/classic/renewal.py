"""Renew a token that was refused: once for each token, however many calls it was refused to."""

import asyncio
from typing import Final

from rollout.platforms.classic import xml
from rollout.platforms.classic.access import Credentials, NoAccess
from rollout.platforms.classic.decode import decode_error
from rollout.platforms.classic.exchange import Reply
from rollout.platforms.classic.vocabulary import ErrorCode

_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403


class Renewal:
    """Watches which token was refused.

    A token that was renewed and never worked is not renewed again: then it is not the token that is wrong.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._lock = asyncio.Lock()
        self._unproven: str | None = None

    async def authorization(self) -> str | None:
        """Give the header's value, checked: it must not be able to end the header."""
        shown = await self._credentials.authorization()
        if shown is not None and not (shown.isascii() and shown.isprintable()):
            raise NoAccess("the token has characters that no header can carry: is its source the right one?")
        return shown

    def worked(self, shown: str | None) -> None:
        """Note that a token was accepted."""
        if shown == self._unproven:
            self._unproven = None

    async def renewed(self, shown: str | None) -> bool:
        """Say whether `shown`, which was refused, has been replaced by another token since."""
        if shown is None:
            return False
        async with self._lock:
            if await self.authorization() != shown:
                return True
            if shown == self._unproven or not await self._credentials.refresh():
                return False
            self._unproven = await self.authorization()
            return self._unproven != shown


def is_refusal(reply: Reply) -> bool:
    """Tell a reply that does not accept who we are: any 401, and a 403 that says so."""
    if reply.status == _UNAUTHORIZED:
        return True
    if reply.status != _FORBIDDEN or reply.oversize:
        return False
    try:
        return decode_error(reply.body).code.casefold() == ErrorCode.AUTHENTICATION_FAILED.casefold()
    except xml.Unreadable:
        return False
