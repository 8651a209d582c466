"""What became of a word that was not accepted, with what a program can read of it."""

from typing import Any

from rollout.core.reply import Kind, Reply, Said
from rollout.errors import CommandRefused, EndpointUnreachable


class WordRefused(CommandRefused):
    """A command was refused; `reply` has each service's answer, where there is one."""

    def __init__(self, message: str, reply: Reply | None = None) -> None:
        super().__init__(message)
        self.reply = reply


class CountChanged(CommandRefused):
    """A word would be for another number of services than was expected; nothing was done."""

    def __init__(self, message: str, count: int) -> None:
        super().__init__(message)
        self.count = count


class Unanswered(EndpointUnreachable):
    """No engine answered in time; the command waits."""

    def __init__(self, message: str, document: dict[str, Any]) -> None:
        super().__init__(message)
        self.document = document


def refused(reply: Reply) -> WordRefused:
    """Give the error that tells a refusal, one line for each service."""
    return WordRefused("\n".join(map(line_of, reply.said)), reply)


def line_of(said: Said) -> str:
    """Give one answer as a line."""
    match said.kind:
        case Kind.ACCEPTED:
            return f"{said.about}: {said.text}"
        case Kind.NO_OP:
            return f"{said.about}: nothing to do: {said.text}"
        case Kind.REFUSED:
            return f"{said.about}: refused: {said.text}; would work: {said.instead}"
