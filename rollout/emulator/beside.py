"""Beside our requests: what strangers did, and which instances the platform restarted by itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reboot:
    """The platform restarted an instance for its own reasons."""

    at: float
    service: str
    deployment: str
    role: str
    instance: str


@dataclass(frozen=True, slots=True)
class Visit:
    """What a stranger did, or was refused."""

    at: float
    service: str
    act: str
    request_id: str
    refused: str | None
