"""Callers: who sent a request, as a listing of operations tells it afterwards."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Caller:
    """An OperationCaller; what is none is left out."""

    used_management_api: bool
    email: str | None
    thumbprint: str | None
    """Of the management certificate, 40 hexadecimal digits."""
    client_ip: str


OURS: Final = Caller(
    used_management_api=True,
    email=None,
    thumbprint="0000000000000000000000000000000000000001",
    client_ip="127.0.0.1",
)
"""Who calls without showing a certificate or a token."""
STRANGER: Final = Caller(
    used_management_api=False,
    email="stranger@portal.example",
    thumbprint=None,
    client_ip="203.0.113.250",
)
"""Who works in the portal beside us."""
