"""`rollout audit`: is the journal what was written, and a copy of it that others can check."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from rollout.cli.params import config_option, state_option
from rollout.cli.target import json_option, state_of

if TYPE_CHECKING:
    from rollout.journal.record import Stored

PAGE = 5_000
HEX_CHARS = 64


class HeadType(click.ParamType[tuple[int, str]]):
    """A link that was noted before: `RECORD:LINK`."""

    name = "head"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, str]:
        """Give the record's number and its link."""
        number, _, link = str(value).partition(":")
        if not number.isdecimal() or len(link) != HEX_CHARS or not set(link) <= set("0123456789abcdef"):
            self.fail(
                f"{value!r} is no head: give RECORD:LINK, as the log, the heartbeat and reports name it", param, ctx
            )
        return int(number), link


@click.group()
def audit() -> None:
    """Check the journal's chain of SHA-256 links, or export it."""


@audit.command()
@click.option(
    "--head", "heads", type=HeadType(), multiple=True, metavar="RECORD:LINK", help="A link noted elsewhere before."
)
@config_option
@state_option
@json_option
def verify(*, heads: Sequence[tuple[int, str]], config: str | None, state: str | None, output: str) -> None:
    """Walk the whole chain and name the first record that does not fit, if one does not.

    The chain shows whether a record was changed, added or taken out. Whoever can
    write the file can also write a whole new chain: against that, name a link
    that was noted where he could not write (log, heartbeat, a report) by --head.
    """
    import msgspec

    from rollout.errors import JournalDamaged
    from rollout.journal.visitor import Visitor

    with Visitor.opened(state_of(config, state)) as visitor, visitor.moment():
        walk = visitor.verify()
        for number, link in heads:
            found = visitor.records(number - 1, 1) if number else []
            if not found or found[0].chain != link:
                has = f"has the link {found[0].chain}" if found else "is not there"
                message = (
                    f"record {number} {has}, and {link} was noted: the journal is not the one that was written then"
                )
                raise JournalDamaged(message)
    if output == "json":
        document = {"records": walk.position, "streams": len(walk.versions), "head": walk.head, "heads": len(heads)}
        click.echo(msgspec.json.encode(document).decode())
        return
    agreed = f"; {len(heads)} noted before agree{'s' if len(heads) == 1 else ''}" if heads else ""
    click.echo(f"{walk.position} records in {len(walk.versions)} streams, each fits the one before{agreed}")
    click.echo(f"head: {walk.position}:{walk.head}")


@audit.command()
@click.argument("rollout", metavar="[ID]", required=False)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Where to, if not stdout.")
@config_option
@state_option
def export(*, rollout: str | None, out: Path | None, config: str | None, state: str | None) -> None:
    """Write every record as a line of JSON, or those of one rollout, with its link.

    A link is the SHA-256 of the link before (64 zeros before the first), a line
    feed, and the record: `position version format t wall`, then stream, actor and
    payload, each as `bytes:text`, joined by line feeds. What looks like a secret is
    left out, and such a line says so: its link cannot be checked from the copy.
    """
    import msgspec

    from rollout.journal.visitor import Visitor

    written = 0
    with Visitor.opened(state_of(config, state)) as visitor, visitor.moment(), _opened(out) as file:
        position = 0
        while found := visitor.records(position, PAGE):
            for stored in found:
                position = stored.position
                if rollout is None or stored.stream.partition("/")[0] == rollout:
                    file.write(f"{msgspec.json.encode(_line(stored)).decode()}\n")
                    written += 1
    if out is not None:
        click.echo(f"{out}: {written} records", err=True)


@contextlib.contextmanager
def _opened(out: Path | None) -> Iterator[IO[str]]:
    if out is None:
        yield sys.stdout
        return
    with out.open("w", encoding="utf-8") as file:
        yield file


def _line(stored: "Stored") -> dict[str, Any]:
    from rollout.settings.redaction import redact_text

    payload, actor = redact_text(stored.payload), redact_text(stored.actor)
    return {
        "position": stored.position,
        "stream": stored.stream,
        "version": stored.version,
        "t": stored.t,
        "wall": stored.wall,
        "actor": actor,
        "format": stored.format,
        "payload": payload,
        "chain": stored.chain,
        "redacted": (payload, actor) != (stored.payload, stored.actor),
    }
