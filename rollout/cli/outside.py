"""The verbs that act on one service outside of a rollout: suspend, start, swap, and those on a single instance."""

from collections.abc import Callable
from typing import Any, Final

import click

from rollout.cli.params import config_option, endpoint_option, state_option
from rollout.cli.place import PlaceType
from rollout.cli.run import OUTPUTS
from rollout.core.change_plan import InstancePlan, StatusPlan, SwapPlan
from rollout.core.operation import InstanceVerb

_SERVICE: Final = click.argument("place", type=PlaceType(), metavar="[ID/]SERVICE")
_SLOT: Final = click.option(
    "--slot", type=click.Choice(["production", "staging"]), help="[default: production, or the rollout's]"
)
_OPTIONS: Final = (
    click.option("--reason", required=True, help="Why, for everybody who reads the journal."),
    click.option("--subscription", metavar="ID", help="Whose service it is.  [default: the only one in the settings]"),
    click.option("-y", "--yes", is_flag=True, help="Do it without being asked."),
    click.option("--id", metavar="ID", help="The rollout's own id; that of an interrupted one goes on with it."),
    config_option,
    endpoint_option,
    state_option,
    click.option(
        "-o",
        "--output",
        type=click.Choice(OUTPUTS),
        help="What goes to stdout.  [default: table on a terminal, else jsonl]",
    ),
)
_HOW: Final = """

    It is journaled like a rollout of one service, sent at most once, and followed
    to its end in the foreground; `rollout why` and `rollout get` know it by its id.
    A service of an open rollout is left to it, unless it stands still there
    (held, paused, stopped) and is named as ID/SERVICE. Exit codes: 0 done, 4 held
    for a person, 6 refused, 64 usage, 69 endpoint unreachable, 75 an engine is at
    work on the state directory, 130 interrupted.
"""


def _verb(name: str, about: str, change: Callable[..., Any], *arguments: Callable[[Any], Any]) -> click.Command:
    def said(ctx: click.Context, *, instance: str = "", slot: str | None = None, **more: Any) -> None:
        from rollout.cli.single import Manner, act

        act(ctx, name, change(instance), Manner(slot=slot, **more))

    said.__doc__ = about + _HOW
    command: Any = click.pass_context(said)
    for option in (*reversed(_OPTIONS), *reversed(arguments)):
        command = option(command)
    made: click.Command = click.command(name)(command)
    return made


suspend = _verb(
    "suspend",
    "Suspend a deployment: AN OUTAGE, all of its instances stop.",
    lambda _: StatusPlan(running=False),
    _SERVICE,
    _SLOT,
)
start = _verb("start", "Start a suspended deployment.", lambda _: StatusPlan(running=True), _SERVICE, _SLOT)
swap = _verb("swap", "Exchange production and staging of a service, now.", lambda _: SwapPlan(0.0, 0.0), _SERVICE)


@click.group()
def instance() -> None:
    """Reboot, reimage or rebuild one role instance."""


def _instance_verb(verb: InstanceVerb, about: str) -> None:
    argument = click.argument("instance", metavar="INSTANCE")
    instance.add_command(_verb(verb.value, about, lambda name: InstancePlan(verb, name), _SERVICE, argument, _SLOT))


_instance_verb(InstanceVerb.REBOOT, "Reboot an instance.")
_instance_verb(InstanceVerb.REIMAGE, "Reboot an instance with a fresh system disk.")
_instance_verb(InstanceVerb.REBUILD, "Reboot an instance with fresh disks; what lies on the local ones is lost.")
