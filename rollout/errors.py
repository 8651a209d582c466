"""Every error this package raises on purpose, drawn as one tree.

    RolloutError                  a person can act on it; the message says what, where, why and what to do next
    ├── PolicyError               65  a document is wrong; carries all problems, each with file:line:col
    │   └── NotSupportedYet       65  the document is right, this version cannot run it
    ├── UsageError                64  the command line asks for something that makes no sense
    ├── EndpointUnreachable       69  the endpoint does not answer, or answers something else than the API
    ├── StateInUse                75  another engine holds the state directory
    ├── StateUnusable              1  the state directory cannot be trusted or written
    │   ├── JournalDamaged         1  a record does not fit the chain, or a fact does not fit the state
    │   └── JournalFull            1  the disk took less than was written; nothing more is begun
    ├── SignatureRefused          77  a signed word is not signed by whom it should be, or not now, or came before
    ├── Forbidden                 77  a daemon does not know who we are, or our person may not do this
    ├── CommandRefused             6  not now, with what would work; also a changed policy under a known id
    │   ├── DocumentsChanged       6  the id is known with other documents; carries the difference
    │   └── Stopping               6  this engine takes nothing more; the next one will
    └── PlatformError              1  the platform said something the client cannot use

    InvariantBroken               our own mistake: stops the process, or in a daemon the one rollout it happened in

The number is the exit code a command ends with (sysexits where one fits).
"""

from collections.abc import Sequence
from typing import ClassVar

import msgspec


class RolloutError(Exception):
    """Something a person can act on."""

    exit_code: ClassVar[int] = 1


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong with a document. `line` and `column` count from 1; 0 = the whole file."""

    file: str
    line: int
    column: int
    path: str
    """Where in the document, e.g. `health.checks[1].timeout`; empty = the document itself."""
    message: str

    def __str__(self) -> str:
        """Give `file:line:col path: message`."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place} {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class PolicyError(RolloutError):
    """A policy, fleet or configuration file is wrong. All problems at once, in file order."""

    exit_code = 65

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class NotSupportedYet(PolicyError):
    """The document is right and this version cannot run it; nothing was ignored."""


class UsageError(RolloutError):
    """The command line asks for something that makes no sense."""

    exit_code = 64


class EndpointUnreachable(RolloutError):
    """The endpoint does not answer, or what answers is not the Service Management API."""

    exit_code = 69


class StateInUse(RolloutError):
    """Another engine holds the state directory; the message names it."""

    exit_code = 75


class StateUnusable(RolloutError):
    """The state directory cannot be trusted or written."""


class JournalDamaged(StateUnusable):
    """A record does not fit the hash chain, or a fact does not fit the state it is told to."""


class JournalFull(StateUnusable):
    """The disk took less than was written: nothing more is begun, what is in flight is still watched."""


class SignatureRefused(RolloutError):
    """A signed word is not believed; whoever receives one answers 401, and does nothing."""

    exit_code = 77


class Forbidden(RolloutError):
    """A daemon does not know who we are, or our person may not do this; the message says which."""

    exit_code = 77


class CommandRefused(RolloutError):
    """Not now; the message says why and what would work."""

    exit_code = 6


class DocumentsChanged(CommandRefused):
    """The rollout is known with other documents, and keeps what it was given."""

    def __init__(self, rollout: str, diff: str) -> None:
        self.diff = diff
        super().__init__(
            f"{rollout} is known with other documents, and a running rollout keeps what it was given. Give the changed "
            f"policy a new `rollout:` id, or run it unchanged. What differs:\n{diff}"
        )


class Stopping(CommandRefused):
    """This engine is about to end and takes nothing more; the same question has its answer from the next one."""


class PlatformError(RolloutError):
    """The platform said something the client cannot use."""


class InvariantBroken(Exception):
    """Our own mistake. Raised instead of `assert`, so that it lives under `-O`; it stops the process."""
