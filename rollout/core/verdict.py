"""What checks say, and what they say it on."""

from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """What a check said, or a round of them. `unknown` never passes and never fails: it is missing evidence."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    WAIT = "wait"
    """Not yet: ask again. It neither passes nor fails, and the domain's own limit bounds it."""
    FAIL = "fail"
    ABORT = "abort"
    """A fail that acts at once."""
    UNKNOWN = "unknown"


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """One check's part in a verdict."""

    check: str
    verdict: Verdict
    detail: str
    value: str = ""
    """What was measured, where something was."""
    threshold: str = ""
    """What it was held against."""
