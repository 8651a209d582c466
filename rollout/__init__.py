"""Rolling upgrades of many cloud services at once: gated, resumable, rehearsable."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rollout.gates.signature import ReplayCache, verify_signature
    from rollout.remote.client import Client

__all__ = ["Client", "ReplayCache", "verify_signature"]

_HOMES = {
    "Client": "rollout.remote.client",
    "ReplayCache": "rollout.gates.signature",
    "verify_signature": "rollout.gates.signature",
}
"""Public name -> where it lives; loaded when it is first asked for."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
