"""Parameters of the command line: durations as policies write them, and the options that several verbs share."""

from pathlib import Path
from typing import Any

import click

from rollout.policy.duration import parse_duration
from rollout.settings import default_state

config_option = click.option(
    "--config",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="The settings.  [default: $ROLLOUT_CONFIG, ./rollout.toml, or the one in ~/.config/rollout]",
)
endpoint_option = click.option(
    "--endpoint",
    envvar="ROLLOUT_ENDPOINT",
    metavar="URL",
    help="An emulator to ask instead of the endpoint in the settings.  [default without settings: the local emulator]",
)
state_option = click.option(
    "--state",
    type=click.Path(file_okay=False),
    metavar="DIR",
    envvar="ROLLOUT_STATE",
    help=f"The state directory.  [default: {default_state()}]",
)

policy_option = click.option(
    "-f", "--file", "policy", required=True, type=click.Path(), metavar="POLICY", help="The policy."
)
sets_option = click.option(
    "--set", "sets", multiple=True, metavar="PATH=VALUE", help="Override a field of the policy; repeatable."
)

junit_option = click.option(
    "--junit",
    "junit_file",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write a JUnit report: one test case for each service.",
)


def flags_over(*, state: str | None = None, request_timeout: float | None = None) -> dict[str, tuple[str, Any]]:
    """Give the flags that were given, as they lie over the settings: dotted path -> (flag, value)."""
    flags: dict[str, tuple[str, Any]] = {}
    if state is not None:
        flags["state"] = ("--state", Path(state))
    if request_timeout is not None:
        flags["limits.request_timeout"] = ("--request-timeout", f"{request_timeout:.3f}s")
    return flags


class Duration(click.ParamType[float]):
    """A duration such as `30s` or `1m30s`, above zero; gives seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Give the seconds."""
        if isinstance(value, float):
            return value
        try:
            seconds = parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if seconds == 0:
            self.fail("must be longer than 0s", param, ctx)
        return seconds
