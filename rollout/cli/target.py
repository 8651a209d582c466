"""`ID` or `ID/service`: whom a verb is about, as people write it; and the options of verbs that find it in a state."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from rollout.cli.completing import complete_target
from rollout.core.names import RolloutId, ServiceName
from rollout.settings import default_state


class Target(NamedTuple):
    """A rollout, or one of its services."""

    rollout: RolloutId
    service: ServiceName | None

    def __str__(self) -> str:
        return self.rollout if self.service is None else f"{self.rollout}/{self.service}"


class TargetType(click.ParamType[Target]):
    """Parses a target."""

    name = "target"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Target:
        """Give the target."""
        if isinstance(value, Target):
            return value
        rollout, slash, service = str(value).partition("/")
        if not rollout or "#" in str(value) or (slash and not service) or "/" in service:
            self.fail(f"{value!r} is no target: give ID or ID/service", param, ctx)
        return Target(RolloutId(rollout), ServiceName(service) if service else None)


target_argument = click.argument("target", type=TargetType(), metavar="ID[/SERVICE]", shell_complete=complete_target)
_SELECTION: Final = (
    click.option("--wave", metavar="NAME", help="Only the services of this wave."),
    click.option(
        "--select", metavar="WORDS", help="Only these: names, or tags such as `tag:region=weu & !tag:canary`."
    ),
    click.option("--phase", metavar="NAME", help="Only those that are in this phase, such as `held`."),
)


def selection_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose among the services of a rollout."""
    for option in reversed(_SELECTION):
        verb = option(verb)
    return verb


json_option = click.option(
    "-o",
    "--output",
    type=click.Choice(("text", "json")),
    default="text",
    help="What goes to stdout.",
    show_default=True,
)


def state_of(config: str | None, state: str | None) -> Path:
    """Give the state directory: the flag's or the environment's, else the settings', else the default."""
    from rollout.cli.params import flags_over
    from rollout.settings.load import load_settings

    return load_settings(config, flags=flags_over(state=state)).settings.state or default_state()
