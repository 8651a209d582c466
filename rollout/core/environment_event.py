"""What happened around a rollout: its environment turned red, and came back."""

import msgspec


class EnvironmentHeld(msgspec.Struct, frozen=True, tag="environment_held"):
    """Checks turned red where nothing was changed: nothing begins, and no change is blamed."""

    reason: str


class EnvironmentLifted(msgspec.Struct, frozen=True, tag="environment_lifted"):
    """The environment is no longer to blame, or somebody else decides from here on."""

    who: str
    note: str


EnvironmentFact = EnvironmentHeld | EnvironmentLifted
