"""All checks of `rollout doctor`: the machine, the settings, and each subscription's credentials and endpoint."""

import asyncio
import datetime as dt
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from rollout.cli import checks
from rollout.cli.checks import Check, Verdict
from rollout.errors import EndpointUnreachable, PolicyError, RolloutError, UsageError
from rollout.platforms.classic.access import NoAccess
from rollout.platforms.classic.certificate import not_after
from rollout.platforms.classic.credentials import open_credentials
from rollout.platforms.classic.preflight import Knock, knock
from rollout.settings import RunSettings, default_state
from rollout.settings.choose import EMULATOR, run_settings
from rollout.settings.load import Loaded, load_settings

SKEW_S_MAX: Final = 60.0
SLOW_S: Final = 5.0
EXPIRES_SOON_DAYS: Final = 30
EMULATED_SUBSCRIPTION: Final = "00000000-0000-4000-8000-000000000001"
"""The subscription that `rollout emulator` serves."""


def checkup(
    config: str | None,
    *,
    endpoint: str | None = None,
    flags: Mapping[str, tuple[str, Any]] | None = None,
    offline: bool = False,
) -> list[Check]:
    """Look at everything, in the order in which it matters; nothing raises for what is wrong."""
    found = [checks.python(), checks.libraries(), checks.zone_data(), checks.clock(time.time())]
    try:
        loaded = load_settings(config, flags=flags)
    except PolicyError as error:
        advice = "correct the file; everything that depends on it was left out"
        return [*found, *(Check("settings", Verdict.WRONG, str(each), advice) for each in error.problems)]
    found.append(_settings(loaded))
    found.append(checks.state_directory(loaded.settings.state or default_state()))
    found += _subscriptions(loaded, endpoint, offline=offline)
    return found


def _settings(loaded: Loaded) -> Check:
    if loaded.file is None:
        advice = "make one with `rollout init`; without it only an emulator on this machine is asked"
        return Check("settings", Verdict.WARNING, "there is no rollout.toml", advice)
    number = len(loaded.settings.subscriptions)
    return Check("settings", Verdict.OK, f"{loaded.file} names {number} subscription{'' if number == 1 else 's'}")


def _subscriptions(loaded: Loaded, endpoint: str | None, *, offline: bool) -> Iterator[Check]:
    for subscription in loaded.settings.subscriptions or (EMULATED_SUBSCRIPTION,):
        try:
            settings = run_settings(loaded, subscription, endpoint=endpoint)
        except UsageError as error:
            yield Check(f"endpoint of {subscription}", Verdict.WRONG, str(error), "leave --endpoint out")
            continue
        credentials = _credentials(settings, subscription, time.time())
        yield from credentials
        if not offline and all(each.verdict is not Verdict.WRONG for each in credentials):
            yield from _endpoint(settings, subscription)


def _credentials(settings: RunSettings, subscription: str, wall: float) -> list[Check]:
    """Open what would be shown; a certificate that ends soon is a warning."""
    name = f"credentials of {subscription}"
    access = settings.access
    if access is None or (access.certificate is None and access.token is None):
        return []
    try:
        open_credentials(access)
        ends = not_after(access.certificate) if access.certificate else None
    except NoAccess as error:
        return [Check(name, Verdict.WRONG, str(error), "correct the file or the settings that name it")]
    if access.certificate is None:
        return [Check(name, Verdict.OK, "a bearer token")]
    path = access.certificate.pem or access.certificate.pfx
    if ends is None:
        advice = "pip install 'rollout-engine[pfx]' to be warned before it expires"
        return [Check(name, Verdict.WARNING, f"{path} is private and can be used; its end is not known", advice)]
    return [_expiry(name, path, ends, wall)]


def _expiry(name: str, path: Path | None, ends: float, wall: float) -> Check:
    day = dt.datetime.fromtimestamp(ends, dt.UTC).date()
    if ends <= wall:
        return Check(name, Verdict.WRONG, f"{path} expired on {day}", "upload a new certificate, and name it instead")
    if ends - wall < EXPIRES_SOON_DAYS * 86_400:
        return Check(name, Verdict.WARNING, f"{path} expires on {day}", "upload a new certificate in time")
    return Check(name, Verdict.OK, f"{path} is private and valid until {day}")


def _endpoint(settings: RunSettings, subscription: str) -> Iterator[Check]:
    name = f"endpoint of {subscription}"
    try:
        answer = asyncio.run(knock(settings, subscription))
    except EndpointUnreachable as error:
        yield _unreachable(name, settings, error)
        return
    except RolloutError as error:
        yield Check(name, Verdict.WRONG, str(error), "correct the settings")
        return
    slow = answer.seconds > SLOW_S
    yield Check(
        name,
        Verdict.WARNING if slow else Verdict.OK,
        f"{settings.endpoint} lets us in; a GET takes {answer.seconds:.2f} s",
        "look at the way there: each step of a rollout asks many times" if slow else "",
    )
    if not settings.emulated:
        yield _skew(answer, time.time())


def _unreachable(name: str, settings: RunSettings, error: EndpointUnreachable) -> Check:
    if settings.endpoint == EMULATOR and settings.access is None:
        return Check(name, Verdict.WARNING, f"no emulator listens at {EMULATOR}", "start one with `rollout emulator`")
    return Check(name, Verdict.WRONG, str(error), "see above; nothing can be rolled out until it answers")


def _skew(answer: Knock, wall: float) -> Check:
    """Compare clocks: windows and approvals go by this machine's, and TLS by both."""
    if answer.date is None:
        return Check("clock skew", Verdict.WARNING, "the endpoint does not say what time it is", "trust NTP")
    skew_s = wall - answer.date
    if abs(skew_s) > SKEW_S_MAX:
        found = f"this clock is {abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} the endpoint's"
        return Check("clock skew", Verdict.WRONG, found, "let NTP keep this machine's clock")
    return Check("clock skew", Verdict.OK, f"{abs(skew_s):.0f} s")
