"""The group of all verbs: it loads a verb only when it is used, and ends every run with a message and an exit code."""

import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Never

import click

from rollout.cli.ending import ending


class VerbGroup(click.Group):
    """A click group whose verbs are named as `module:attribute` beside their one-line help.

    So `rollout --help` imports none of them, and a verb imports only what it needs.
    """

    def __init__(self, *, verbs: Mapping[str, tuple[str, str]], **attributes: Any) -> None:
        super().__init__(**attributes)
        self.verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Give the verbs in the order they were listed."""
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import a verb."""
        if cmd_name not in self.verbs:
            return None
        module, _, attribute = self.verbs[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in self.verbs.items()])

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Never:
        """Run one command line and exit; the one place where errors become messages and exit codes."""
        extra["standalone_mode"] = False
        try:
            code = super().main(args, *rest, **extra)
        except SystemExit:
            raise
        except BaseException as error:  # noqa: BLE001 - the edge of the process: every ending gets its words and its code
            told = ending(error)
            if told.message:
                click.echo(told.message, err=True)
            code = told.code
        sys.exit(code if isinstance(code, int) else 0)
