"""Changes and windows in the words of a policy. Pure."""

from typing import Final

from rollout.core.change_plan import ChangePlan, ConfigurePlan, InstancePlan, StatusPlan, SwapPlan, UpgradePlan
from rollout.core.explain import spell
from rollout.core.wave_plan import WindowPlan, WindowsPlan

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
HOUR_MIN: Final = 60
MINUTE_S: Final = 60
HOUR_S: Final = 3600
RUN_MIN: Final = 3
"""So many days in a row are written as a range."""


def about(seconds: float) -> str:
    """Write a duration as exactly as a forecast can mean it: whole minutes above an hour."""
    return spell(round(seconds / MINUTE_S) * MINUTE_S if seconds >= HOUR_S else round(seconds))


def changed(change: ChangePlan) -> str:
    """Name a change."""
    match change:
        case UpgradePlan(package_shown=package):
            return f"upgrade to {package}"
        case ConfigurePlan(settings=settings) if settings:
            return f"configure {', '.join(settings)}"
        case ConfigurePlan():
            return "configure"
        case SwapPlan(upgrade=None):
            return "swap"
        case SwapPlan(upgrade=UpgradePlan(package_shown=package)):
            return f"upgrade staging to {package}, then swap"
        case SwapPlan():
            return "configure staging, then swap"
        case StatusPlan(running=running):
            return "start" if running else "suspend"
        case InstancePlan(verb=verb, instance=instance):
            return f"{verb.value} {instance}"


def windows_said(windows: WindowsPlan | None) -> tuple[str, ...]:
    """Write windows as a policy has them."""
    if windows is None:
        return ()
    said = [_window(each) for each in windows.open]
    closed = [first if first == last else f"{first}..{last}" for first, last in windows.closed]
    return (*said, f"not on {', '.join(closed)}") if closed else tuple(said)


def _window(window: WindowPlan) -> str:
    days = window.days
    run = days == tuple(range(days[0], days[-1] + 1)) and len(days) >= RUN_MIN
    shown = f"{DAYS[days[0]]}-{DAYS[days[-1]]}" if run else ",".join(DAYS[day] for day in days)
    return f"{shown} {_clock(window.start_min)}-{_clock(window.end_min)} {window.zone}"


def _clock(minute: int) -> str:
    return f"{minute // HOUR_MIN:02}:{minute % HOUR_MIN:02}"
