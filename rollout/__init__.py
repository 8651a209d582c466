"""Rolling upgrades of many cloud services at once: gated, resumable, rehearsable."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rollout.daemon.approving import ApprovalRequest, Decision
    from rollout.daemon.blocking import run_blocking
    from rollout.daemon.embedded import Engine
    from rollout.gates.signature import ReplayCache, verify_signature
    from rollout.policy.load import load_policy
    from rollout.remote.client import Client

__all__ = [
    "ApprovalRequest",
    "Client",
    "Decision",
    "Engine",
    "ReplayCache",
    "load_policy",
    "run_blocking",
    "verify_signature",
]

_HOMES = {
    "ApprovalRequest": "rollout.daemon.approving",
    "Client": "rollout.remote.client",
    "Decision": "rollout.daemon.approving",
    "Engine": "rollout.daemon.embedded",
    "ReplayCache": "rollout.gates.signature",
    "load_policy": "rollout.policy.load",
    "run_blocking": "rollout.daemon.blocking",
    "verify_signature": "rollout.gates.signature",
}
"""Public name -> where it lives; loaded when it is first asked for."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
