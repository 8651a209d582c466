"""Floor 0: what one engine is told about its surroundings: endpoint, credentials, state directory, limits."""

from rollout.settings.run import (
    EMULATED_CALLS_PER_S,
    REQUEST_TIMEOUT_S,
    RunSettings,
    default_state,
    is_loopback,
)
from rollout.settings.secret import Secret

__all__ = [
    "EMULATED_CALLS_PER_S",
    "REQUEST_TIMEOUT_S",
    "RunSettings",
    "Secret",
    "default_state",
    "is_loopback",
]
