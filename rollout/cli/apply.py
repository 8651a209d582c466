"""`rollout apply` and `rollout wait`: a policy given to a daemon, and a build that waits for what comes of it."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from rollout.cli.completing import complete_rollout
from rollout.cli.ending import Code
from rollout.cli.params import Duration, junit_option, policy_option, sets_option
from rollout.cli.where import Origin, Where, where_options

if TYPE_CHECKING:
    from rollout.core.result import Result

_until = click.option(
    "--until",
    default="finished",
    show_default=True,
    metavar="WHAT",
    help="finished, approval, or wave:NAME.",
)
_timeout = click.option(
    "--timeout", "timeout_s", type=Duration(), help="How long to wait; then exit 5.  [default: no end]"
)
_strict = click.option("--strict-exit", is_flag=True, help="Exit 3 for failures that the policy tolerates, too.")
_output = click.option(
    "-o", "--output", type=click.Choice(("text", "json")), default="text", help="What goes to stdout."
)


@click.command()
@policy_option
@sets_option
@click.option("--wait", "waits", is_flag=True, help="Wait until it is over, and exit as `rollout run` does.")
@_until
@_timeout
@click.option("--key", help="Submitted once for each key, however often it is sent.  [default: a new one]")
@_strict
@junit_option
@where_options
@_output
@click.pass_context
def apply(
    ctx: click.Context,
    *,
    policy: str,
    sets: tuple[str, ...],
    waits: bool,
    until: str,
    timeout_s: float | None,
    key: str | None,
    strict_exit: bool,
    junit_file: str | None,
    origin: Origin,
    output: str,
) -> None:
    """Submit a policy to a daemon, which runs it.

    The policy is read and judged here, with every file it names, and sent as it
    is. The same documents again are the same rollout; other documents under a
    known id are refused with the difference. Ctrl-C while waiting changes
    nothing: the rollout goes on, and `rollout wait ID` waits again.

    Exit codes: 0 submitted, 6 refused, 65 bad policy, 69 unreachable, 77
    forbidden; with --wait those of `rollout run`, and 5 when the time is over.
    """
    from rollout.cli.loop import run_loop
    from rollout.cli.where import daemon

    known: list[str] = []

    async def submit() -> "Waited | None":
        async with daemon(origin) as client:
            submitted = await client.submit(policy, sets=sets, key=key)
            known.append(submitted.id)
            said = "submitted" if submitted.created else "known already, with the same documents"
            click.echo(f"{submitted.id}: {said}; see {client.url}/ui/", err=True)
            if waits:
                return await _wait(client, submitted.id, until, timeout_s)
            if output == "json":
                click.echo(f'{{"rollout":"{submitted.id}","created":{str(submitted.created).lower()}}}')
            return None

    with _detaching(known):
        waited = run_loop(submit)
    if waited is not None:
        ctx.exit(_ended(waited, junit_file, output, strict_exit=strict_exit))


@click.command()
@click.argument("rollout", metavar="ID", shell_complete=complete_rollout)
@_until
@_timeout
@_strict
@junit_option
@where_options
@_output
@click.pass_context
def wait(
    ctx: click.Context,
    *,
    rollout: str,
    until: str,
    timeout_s: float | None,
    strict_exit: bool,
    junit_file: str | None,
    origin: Origin,
    output: str,
) -> None:
    """Wait until a rollout is finished, waits for an approval, or is through a wave.

    One that is over, or that only a person moves on, ends every waiting. Exit
    codes are those of `rollout run`: 0 as wanted, 3 failed and went back, 4 waits
    for a person, 7 ended by a person; 5 when the time is over and it runs on.
    """
    from rollout.cli.loop import run_loop
    from rollout.cli.where import place

    async def attend() -> Waited:
        async with place(origin) as where:
            return await _wait(where, rollout, until, timeout_s)

    with _detaching([rollout]):
        waited = run_loop(attend)
    ctx.exit(_ended(waited, junit_file, output, strict_exit=strict_exit))


class Waited(NamedTuple):
    """How the waiting ended, and the rollout as it was then."""

    result: "Result"
    document: dict[str, Any]


async def _wait(where: Where, rollout: str, until: str, timeout_s: float | None) -> Waited:
    from rollout.cli.attend import attend

    result = await attend(where, rollout, until, timeout_s)
    return Waited(result, await where.read(rollout))


@contextlib.contextmanager
def _detaching(rollouts: Sequence[str]) -> Iterator[None]:
    """Let Ctrl-C leave the rollout alone, and say how to come back to it."""
    try:
        yield
    except KeyboardInterrupt:
        if not rollouts:
            raise
        click.echo(f"detached; {rollouts[0]} goes on. Wait again with:\n  rollout wait {rollouts[0]}", err=True)
        raise click.exceptions.Exit(Code.INTERRUPTED) from None


def _ended(waited: Waited, junit_file: str | None, output: str, *, strict_exit: bool) -> int:
    """Tell how it ended, people on stdout and the build system; gives the exit code."""
    from rollout.cli.build import tell_build
    from rollout.cli.output import write_json
    from rollout.cli.verdict import judged, strictly
    from rollout.views.text import printable

    result, document = waited
    verdict = strictly(judged(result, document)) if strict_exit else judged(result, document)
    if output == "json":
        head = {"rollout": verdict.rollout, "code": verdict.code, "outcome": verdict.outcome, "reason": verdict.reason}
        write_json(head | {"services": document["services"]})
    else:
        click.echo(printable(f"{verdict.rollout}: {verdict.outcome}: {verdict.reason}"))
    tell_build(verdict, junit_file, os.environ)
    return verdict.code
