"""The verbs by which people move a rollout from any terminal: pause, resume, stop, advance, retry and the others."""

from collections.abc import Callable
from typing import Any, Final

import click

from rollout.cli.params import Duration, config_option, state_option
from rollout.cli.target import Target, selection_options, state_of, target_argument
from rollout.cli.where import ANSWER_S, Origin, where_options
from rollout.core.command import FOR_SERVICES, Command, Verb
from rollout.core.ending import Claim

_OPTIONS: Final = (
    target_argument,
    where_options,
    click.option("-y", "--yes", is_flag=True, help="Speak to several services without being asked."),
    click.option("--key", help="Answered once for each key, however often it is sent.  [default: a new one]"),
    click.option(
        "--wait", "wait_s", type=Duration(), default=ANSWER_S, help="How long to wait for the answer.  [default: 10s]"
    ),
    click.option("-o", "--output", type=click.Choice(("text", "json")), default="text", help="What goes to stdout."),
)


def _reason(default: str | None) -> Callable[[Any], Any]:
    shown = "" if default is None else f"  [default: {default}]"
    said = f"Why, for everybody who reads the journal.{shown}"
    return click.option("--reason", required=default is None, default=default, help=said)


def _verb(verb: Verb, about: str, *options: Callable[[Any], Any], reason: str | None = None) -> click.Command:
    def said(ctx: click.Context, *, target: Target, origin: Origin, reason: str, **more: Any) -> None:
        from rollout.cli.asking import Manner, ask
        from rollout.cli.loop import run_loop
        from rollout.cli.where import place
        from rollout.views.choosing import Selection

        manner = Manner(yes=more.pop("yes"), output=more.pop("output"), key=more.pop("key"))
        answer_s = more.pop("wait_s")
        selection = Selection(**{name: more.pop(name) for name in Selection.__struct_fields__ if chooses})

        async def speak() -> int:
            async with place(origin, answer_s=answer_s) as where:
                return await ask(where, verb, target, {"reason": reason} | _flags(more), manner, selection=selection)

        ctx.exit(run_loop(speak))

    said.__doc__ = about
    chooses = verb in FOR_SERVICES
    command: Any = click.pass_context(said)
    choosing = [selection_options] if chooses else []
    for option in (*reversed(options), *choosing, *reversed(_OPTIONS), _reason(reason)):
        command = option(command)
    made: click.Command = click.command(verb.value)(command)
    return made


def _flags(more: dict[str, Any]) -> dict[str, Any]:
    """Give the verb's own flags as the command's fields."""
    if more.get("resolve_as") is not None:
        more["resolve_as"] = Claim(more["resolve_as"])
    return {name: value for name, value in more.items() if name in Command.__struct_fields__}


_ANSWERED: Final = """

    The engine answers from wherever it runs over the same state directory; with
    --url, a daemon does. Exit codes: 0 accepted or nothing to do, 6 refused (it
    says what would work), 64 usage, 69 no engine answered in time: the command
    stays and is answered when `rollout run` goes on, unless `rollout withdraw KEY`
    takes it back; 77 forbidden.
"""

pause = _verb(Verb.PAUSE, "Go no further; what is under way finishes, and going back is never paused." + _ANSWERED)
resume = _verb(Verb.RESUME, "Lift pauses and stops; for a whole rollout also its halt." + _ANSWERED)
stop = _verb(Verb.STOP, "Make no new call in either direction, until a resume or a rollback." + _ANSWERED)
advance = _verb(
    Verb.ADVANCE,
    "End a gate or a bake now, or accept a failed one as it is." + _ANSWERED,
    click.option("--accept-red", multiple=True, metavar="CHECK", help="Take this check as it is; repeatable."),
    click.option("--past-no-return", is_flag=True, help="Even where the next walk is the last, and Rollback ends."),
)
retry = _verb(Verb.RETRY, "Take up again what was given up; begin a new attempt at what has ended." + _ANSWERED)
exclude = _verb(Verb.EXCLUDE, "Take a service out that was not begun, or leave it to whoever took it over." + _ANSWERED)
rollback = _verb(
    Verb.ROLLBACK,
    "Go back, as soon as the platform allows; lifts a stop." + _ANSWERED,
    click.option("--take-over", is_flag=True, help="Take even somebody else's change back."),
)
resolve = _verb(
    Verb.RESOLVE,
    "Say what a service has come to; the deployment is looked at first." + _ANSWERED,
    click.option("--as", "resolve_as", type=click.Choice([each.value for each in Claim]), required=True, help="What."),
    click.option("--force", is_flag=True, help="Even where the deployment shows something else."),
)
claim = _verb(
    Verb.CLAIM,
    "Tell others that you have what needs somebody; a whole rollout's ID means all of it. It changes nothing about the "
    "rollout, ends with its reason, and keeps a stop from paging again." + _ANSWERED,
    click.option("--release", is_flag=True, help="Hand it back."),
    reason="on it",
)
halt = _verb(Verb.HALT, "Start nothing new; who is in flight finishes its domain's gate and holds." + _ANSWERED)
abort = _verb(
    Verb.ABORT,
    "Halt, and take back all that has not ended." + _ANSWERED,
    click.option("--including-finished", is_flag=True, help="Take back what has ended well, too."),
)
_wave = click.option("--wave", help="Only this wave's.  [default: every one that is waited for]")
approve = _verb(
    Verb.APPROVE,
    "Say yes to what waits for it, as a person of the group that the policy names." + _ANSWERED,
    _wave,
    click.option("--plan", default="", help="The plan's digest, as `get` shows it.  [default: the plan as it is]"),
)
reject = _verb(Verb.REJECT, "Say no: no later wave starts until a resume asks again." + _ANSWERED, _wave)


@click.command()
@click.argument("key")
@config_option
@state_option
@click.pass_context
def withdraw(ctx: click.Context, *, key: str, config: str | None, state: str | None) -> None:
    """Take a command back that no engine has read yet."""
    from rollout.cli.inbox import take_back

    ctx.exit(take_back(state_of(config, state), key))
