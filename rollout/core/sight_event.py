"""What happened to our sight of a deployment: lost, and back."""

import msgspec


class Blinded(msgspec.Struct, frozen=True, tag="blinded"):
    """Nobody can look, for long or past a limit. Clocks stand still from then on, and without the last `dark_s`."""

    detail: str
    dark_s: float = 0.0


class Sighted(msgspec.Struct, frozen=True, tag="sighted"):
    """Somebody can look again, and there is nothing else to say yet. Clocks go on where they stood."""


SightFact = Blinded | Sighted
