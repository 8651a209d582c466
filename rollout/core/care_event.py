"""Who has taken what needs somebody, as facts: of a service's stream, or of the rollout's own."""

import msgspec


class TakenUp(msgspec.Struct, frozen=True, tag="taken_up"):
    """A person has what needs somebody; `about` are the reasons that were open, by their keys (core/attention.py).

    It changes nothing about the rollout: it tells others that somebody is at it.
    """

    about: tuple[str, ...]
    who: str
    note: str


class HandedBack(msgspec.Struct, frozen=True, tag="handed_back"):
    """That person has it no more, though it may need somebody still."""

    who: str
    note: str


CareFact = TakenUp | HandedBack
