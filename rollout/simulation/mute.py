"""Checks that would be unknown in every real run: what the settings do not let anybody ask."""

from collections.abc import Collection, Iterable

from rollout.core.check_plan import CheckPlan, CommandSource, MetricSource, PythonSource


def mute(
    checks: Iterable[CheckPlan], *, commands: Collection[str], servers: Collection[str], functions: Collection[str]
) -> dict[str, str]:
    """Give each check, by name, that nobody may ask, and why; the collections are what the settings allow."""
    found: dict[str, str] = {}
    for check in checks:
        match check.source:
            case CommandSource(name=name) if name not in commands:
                found[check.name] = f"allow.commands in the settings has no {name!r}"
            case MetricSource(server=server) if server not in servers:
                found[check.name] = f"the settings have no metrics.{server}"
            case PythonSource(call=call) if call not in functions:
                found[check.name] = f"no installed package offers {call!r}"
            case _:
                pass
    return found
