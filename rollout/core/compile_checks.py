"""Checks of a policy become plans for one service: placeholders filled in, names that no two of them share."""

from collections.abc import Mapping, Sequence

from rollout.core.check_plan import (
    CheckPlan,
    CommandSource,
    HttpSource,
    InstancesSource,
    MetricSource,
    Moment,
    PythonSource,
    Scope,
    Source,
    WebhookSource,
)
from rollout.core.plan import HealthPlan
from rollout.errors import InvariantBroken
from rollout.policy.model.check import Check
from rollout.policy.model.check_kinds import HttpCheck, MetricCheck
from rollout.policy.model.health import Health
from rollout.policy.model.threshold import parse_bound
from rollout.policy.placeholders import expand, used

BY_ROUND = frozenset({"domain", "instances"})
"""Placeholders that only a round has values for."""


def health_plan(health: Health, values: Mapping[str, str]) -> HealthPlan:
    """Compile the gate of one service; `values` are what its placeholders stand for."""
    return HealthPlan(
        wait_s=health.wait_duration,
        stable_s=health.stable_duration,
        retry_s=health.retry_timeout,
        interval_s=health.interval,
        checks=tuple(
            _check(check, name, values) for check, name in zip(health.checks, _names(health.checks), strict=True)
        ),
        on_unknown=health.on_unknown,
        baseline=health.baseline,
    )


def _names(checks: Sequence[Check]) -> list[str]:
    """Name each check: as it says, else by its kind, with a number from the second one on."""
    taken, names = {check.name for check in checks if check.name}, list[str]()
    for check in checks:
        name, number = check.name or check.kind, 1
        while not check.name and name in taken:
            number += 1
            name = f"{check.kind}-{number}"
        taken.add(name)
        names.append(name)
    return names


def _check(check: Check, name: str, values: Mapping[str, str]) -> CheckPlan:
    return CheckPlan(
        name=name,
        kind=check.kind,
        timeout_s=check.timeout,
        source=_source(check, values),
        scope=Scope(check.judged),
        advisory=check.advisory,
        final=check.final,
        moments=tuple(Moment(each) for each in check.moments),
    )


def _source(check: Check, values: Mapping[str, str]) -> Source:
    if check.instances is not None:
        return InstancesSource(check.instances.share, check.instances.restarts)
    if check.http is not None:
        return _http(check.http, values)
    if check.command is not None:
        arguments = tuple(_filled(each, values) for each in check.command.arguments)
        return CommandSource(check.command.name, arguments, check.output_json)
    if check.metric is not None:
        return _metric(check.metric, values)
    if check.webhook is not None:
        return WebhookSource(_filled(check.webhook.url, values))
    if check.python is not None:
        return PythonSource(check.python.call)
    raise InvariantBroken("a check of no kind")


def _http(http: HttpCheck, values: Mapping[str, str]) -> HttpSource:
    return HttpSource(
        url=_filled(http.url, values),
        method=http.method,
        headers=http.headers,
        statuses=http.status,
        contains=http.contains,
        fields=http.fields_equal,
        latency_s=http.latency,
        samples=http.samples,
    )


def _metric(metric: MetricCheck, values: Mapping[str, str]) -> MetricSource:
    operator, bound = parse_bound(metric.threshold) if metric.threshold is not None else ("", 0.0)
    return MetricSource(
        query=_filled(metric.query, values),
        operator=operator,
        bound=bound,
        server=metric.server,
        range_s=metric.range or 0.0,
        step_s=metric.step,
        service_label=metric.service_label,
        domain_label=metric.domain_label,
        worse=metric.worse,
        min_effect=metric.min_effect,
    )


def _filled(text: str, values: Mapping[str, str]) -> str:
    """Fill in what is known of the service, and leave the rest to each round."""
    later = {name: f"{{{name}}}" for name in used(text) & BY_ROUND}
    return expand(text, {**values, **later})
