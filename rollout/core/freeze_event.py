"""What was said to the engine as a whole: the facts of its own stream."""

import msgspec


class Frozen(msgspec.Struct, frozen=True, tag="frozen"):
    """Nothing is begun, until a date if there is one; with `domains` no service under way goes further either."""

    who: str
    note: str
    domains: bool = False
    until_wall: float | None = None


class Unfrozen(msgspec.Struct, frozen=True, tag="unfrozen"):
    """The freeze is over."""

    who: str
    note: str


class Restored(msgspec.Struct, frozen=True, tag="restored"):
    """The state was taken from a backup: calls that the old host made may still arrive for a while."""

    who: str
    note: str
    quarantine_s: float
    """For so long from now on nothing is called; then every deployment is looked at first."""


class SentAgain(msgspec.Struct, frozen=True, tag="sent_again"):
    """Notices that nobody took, of one rollout or of all, wait to be sent once more."""

    who: str
    note: str
    rollout: str = ""
    """Empty = of all."""


class TriedAgain(msgspec.Struct, frozen=True, tag="tried_again"):
    """A rollout that the engine had stopped because of a mistake of its own is taken up again."""

    who: str
    note: str
    rollout: str


FreezeFact = Frozen | Unfrozen | Restored | SentAgain | TriedAgain
