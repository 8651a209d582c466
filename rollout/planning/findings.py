"""What somebody should know before a run: refusals to come, limits too tight, missing ways back. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from rollout.core.change_plan import UpgradePlan, updates
from rollout.core.check_plan import Moment
from rollout.core.explain import clock_text, spell
from rollout.core.names import ServiceName
from rollout.core.operation import Mode
from rollout.core.plan import OnFailure, ServicePlan
from rollout.core.windows import fits_at
from rollout.planning.caps import Bound, too_small
from rollout.planning.document import Calls, Finding, Severity
from rollout.planning.forecast import Forecast, Given
from rollout.planning.legs import takes_whole
from rollout.planning.sighted import Standing, Ways
from rollout.planning.timing import Case, Source, Timings
from rollout.platforms.classic.vocabulary import Verb

BUSY: Final = 0.8
"""Of the pace; above it calls wait for one another."""
NAMED_MAX: Final = 3

Forecasts = Mapping[Case, Forecast]


def findings(
    given: Given, cases: Forecasts, bounds: Mapping[str, Bound], ways: Mapping[ServiceName, Ways], calls: Calls
) -> Iterator[Finding]:
    """Give all findings; what many services share is said once."""
    yield from _services(given)
    yield from _time(given, cases)
    yield from _waves(given, cases, bounds)
    yield from _limits(given, cases)
    yield from _too_large(given)
    yield from _returns(given, ways)
    yield from _pace(cases, calls)


def by_severity(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Put errors first."""
    order = list(Severity)
    return tuple(sorted(found, key=lambda each: order.index(each.severity)))


def _shared(severity: Severity, said: Mapping[str, list[ServiceName]]) -> Iterator[Finding]:
    """Say one thing of several services at once."""
    for words, names in said.items():
        if len(names) == 1:
            yield Finding(severity, names[0], words)
            continue
        more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
        yield Finding(severity, ", ".join(names[:NAMED_MAX]) + more, words)


def _services(given: Given) -> Iterator[Finding]:
    blocked: dict[str, list[ServiceName]] = {}
    waits: dict[str, list[ServiceName]] = {}
    counts: dict[str, list[ServiceName]] = {}
    unchanged: dict[str, list[ServiceName]] = {}
    for name, sight in given.sights.items():
        if sight.standing is Standing.BLOCKED:
            blocked.setdefault(sight.why, []).append(name)
        if sight.standing is Standing.UNCHANGED:
            unchanged.setdefault(f"nothing is to be done: {sight.why}", []).append(name)
        for warning in sight.warnings:
            waits.setdefault(warning, []).append(name)
        for role, (now, then) in sight.counts.items():
            said = f"role {role} goes from {now} to {then} instances; instance_counts: keep leaves them as they are"
            counts.setdefault(said, []).append(name)
    yield from _shared(Severity.ERROR, blocked)
    yield from _shared(Severity.WARNING, waits)
    yield from _shared(Severity.WARNING, counts)
    yield from _shared(Severity.INFO, unchanged)


def _time(given: Given, cases: Forecasts) -> Iterator[Finding]:
    """Hold the three finishes against the deadline, the freeze and what expires."""
    expected, latest = (cases[case].schedule.finish_s for case in (Case.EXPECTED, Case.LATEST))
    if expected is None:
        said = f"it never ends by itself: {cases[Case.EXPECTED].schedule.stuck}"
        yield Finding(Severity.ERROR, "", said)
    deadline_s = given.plan.deadline_s
    if deadline_s is not None and expected is not None and expected > deadline_s:
        late = spell(expected - deadline_s)
        said = f"it is expected to be done {late} after its deadline of {spell(deadline_s)}, and would halt there"
        yield Finding(Severity.ERROR, "", said)
    elif deadline_s is not None and (latest is None or latest > deadline_s):
        yield Finding(Severity.WARNING, "", f"at its latest it misses its deadline of {spell(deadline_s)}")
    if given.freeze is not None:
        until = given.freeze.until_wall
        when = "until it is lifted" if until is None else f"until {clock_text(until)}"
        said = f"nothing begins {when}: frozen by {given.freeze.who}: {given.freeze.note}"
        yield Finding(Severity.ERROR if until is None else Severity.WARNING, "", said)
    ends_wall = given.begins_wall + (latest if latest is not None else expected or 0.0)
    expired: dict[str, list[ServiceName]] = {}
    for plan in given.services:
        update = updates(plan.change)
        expires = update.package_expires_wall if isinstance(update, UpgradePlan) else None
        if expires is not None and expires < ends_wall:
            said = f"the signature of its package ends {clock_text(expires)}, before the rollout may be done"
            expired.setdefault(said, []).append(plan.service)
    yield from _shared(Severity.WARNING, expired)


def _waves(given: Given, cases: Forecasts, bounds: Mapping[str, Bound]) -> Iterator[Finding]:
    expected = cases[Case.EXPECTED]
    for wave in given.plan.waves:
        bound = bounds[wave.name]
        if bound.services < min(wave.max_parallel, len(wave.services)):
            said = f"at most {bound.services} of {wave.max_parallel} change at once, by {bound.said}"
            yield Finding(Severity.INFO, wave.name, said)
        if wave.approval is not None:
            ask = wave.approval
            said = f"waits for {ask.by} before its {ask.before.value}, for {spell(ask.within_s)}"
            yield Finding(Severity.INFO, wave.name, said)
        if wave.windows is not None:
            longest_s = max((expected.took_s(name) for name in wave.services), default=0.0)
            if fits_at(wave.windows, given.begins_wall, longest_s) is None:
                said = f"no window is long enough for one service, which takes {spell(longest_s)}"
                yield Finding(Severity.ERROR, wave.name, said)


def _limits(given: Given, cases: Forecasts) -> Iterator[Finding]:
    """Hold durations against the limits of each service."""
    said: dict[Severity, dict[str, list[ServiceName]]] = {Severity.WARNING: {}, Severity.ERROR: {}}
    timings = Timings(Case.EXPECTED, given.history)
    for plan in given.services:
        own = timings.source(plan.service, Verb.WALK) is not Source.RECORDED
        for severity, words in _of_service(plan, cases, own=own):
            said[severity].setdefault(words, []).append(plan.service)
    for severity, words_of in said.items():
        yield from _shared(severity, words_of)


def _of_service(plan: ServicePlan, cases: Forecasts, *, own: bool) -> Iterator[tuple[Severity, str]]:
    """Hold one service's limits against its times. What others took (not `own`) proves nothing, so it only warns."""
    known = Severity.ERROR if own else Severity.WARNING
    for limit_s, name, kinds in (
        (plan.walk.domain_timeout_s, "walk.domain_timeout", {"domain"}),
        (plan.begin_timeout_s, "operation_timeout.begin", {"begin", "copy"}),
        (plan.swap_timeout_s, "operation_timeout.swap", {"swap"}),
        (plan.status_timeout_s, "operation_timeout.status", {"status", "instance"}),
        (plan.timeout_s, "timeout", None),
    ):
        times = {}
        for case, each in cases.items():
            legs = each.ways.get(plan.service, ())
            seconds = [leg.seconds for leg in legs if kinds is None or leg.what in kinds]
            times[case] = sum(seconds) if kinds is None else max(seconds, default=0.0)
        what = "the whole service" if kinds is None else "a step"
        if times[Case.EXPECTED] > limit_s:
            yield known, f"{name} is {spell(limit_s)}, and {what} is expected to take longer"
        elif times[Case.LATEST] > limit_s:
            yield Severity.WARNING, f"{name} is {spell(limit_s)}, and {what} has been seen to take longer"
    if plan.on_failure is OnFailure.SUSPEND:
        yield Severity.WARNING, "on_failure.service is suspend: a failure becomes an outage"
    update = updates(plan.change)
    if update is not None and update.mode is Mode.MANUAL and not plan.health.names(Moment.DOMAIN):
        yield Severity.WARNING, "no check is asked after a domain"


def _too_large(given: Given) -> Iterator[Finding]:
    """Name the services that a shared cap has no room for: a run would hold them for a person."""
    said: dict[str, list[ServiceName]] = {}
    for plan in given.services:
        sight = given.sights.get(plan.service)
        if sight is not None and sight.standing is not Standing.CHANGES:
            continue
        why = too_small(given.shared, given.seat(plan), whole=takes_whole(plan.change))
        if why is not None:
            said.setdefault(why, []).append(plan.service)
    yield from _shared(Severity.ERROR, said)


def _returns(given: Given, ways: Mapping[ServiceName, Ways]) -> Iterator[Finding]:
    none: dict[str, list[ServiceName]] = {}
    for plan in given.services:
        after = ways[plan.service].after
        if after.startswith("none") and isinstance(plan.change, UpgradePlan):
            words = "there is no way back after the last walk; rollback.package or capture_container makes one"
            none.setdefault(words, []).append(plan.service)
    yield from _shared(Severity.WARNING, none)


def _pace(cases: Forecasts, calls: Calls) -> Iterator[Finding]:
    finish_s = cases[Case.EXPECTED].schedule.finish_s
    if finish_s and calls.at_pace_s > BUSY * finish_s:
        said = (
            f"calls alone take {spell(calls.at_pace_s)} at the subscription's pace: they, not the waves, set the time"
        )
        yield Finding(Severity.WARNING, "", said)
