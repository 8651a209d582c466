"""Who has what needs somebody. Pure.

Nobody has to say that it is over: whoever took it up has the reasons that were open then, and no other. A reason that
ends takes the claim on it along, and a new one pages.
"""

from collections.abc import Collection

import msgspec

from rollout.core.care_event import CareFact, HandedBack, TakenUp


class Care(msgspec.Struct, frozen=True):
    """A person has these reasons, since a POSIX second. Whether any of them is still open, its state tells."""

    about: tuple[str, ...]
    who: str
    note: str
    since_wall: float

    def covers(self, reasons: Collection[str]) -> bool:
        """Tell whether something is open, and all of it was taken up."""
        return bool(reasons) and set(reasons) <= set(self.about)


def cared(fact: CareFact, wall: float) -> Care | None:
    """Give who has it after a fact that may follow."""
    match fact:
        case TakenUp(about=about, who=who, note=note):
            return Care(about, who, note, wall)
        case HandedBack():
            return None


def may_follow(known: Care | None, fact: CareFact) -> bool:
    """Tell whether a fact can follow: what nobody has is not handed back, and whoever takes up has something."""
    return known is not None if isinstance(fact, HandedBack) else bool(fact.about)


def keeper(care: Care | None, key: str) -> str:
    """Name who has one reason; empty = nobody."""
    return care.who if care is not None and key in care.about else ""
