"""How calls show who they are: the seam between the transport and whoever keeps certificates and tokens."""

import ssl as tls
from typing import Final, Protocol

from rollout.errors import PlatformError


class NoAccess(PlatformError):
    """A token cannot be had at the moment. The message is for people and shows no secret."""


class Credentials(Protocol):
    """What one endpoint is shown. One object serves many calls at once, and is asked again for each."""

    def ssl_context(self) -> tls.SSLContext | None:
        """Give the context that verifies the endpoint and shows our certificate; None = the library's default.

        Asked once for each set of connections, so it must not change.
        """
        ...

    async def authorization(self) -> str | None:
        """Give the whole value of the Authorization header, such as `Bearer …`; None = no such header.

        Asked before each request and bounded by its deadline, so a kept token is the normal answer. Raises `NoAccess`.
        """
        ...

    async def refresh(self) -> bool:
        """Get a new token, since the last one was refused; False = there is none better. Raises `NoAccess`.

        Called once for one refused token, however many calls it was refused to, and never side by side with itself.
        """
        ...


class Plain:
    """Credentials of a TLS context alone, or of nothing at all."""

    def __init__(self, context: tls.SSLContext | None = None) -> None:
        self._context = context

    def ssl_context(self) -> tls.SSLContext | None:
        """Give the context it was made with."""
        return self._context

    async def authorization(self) -> str | None:
        """Show no token."""
        return None

    async def refresh(self) -> bool:
        """Have nothing to renew."""
        return False


NOBODY: Final = Plain()
