"""One health check, ready to be asked: what it asks of whom, what of a service it judges, and how its verdict counts.

Placeholders that have one value per service are filled in; `{domain}` and `{instances}` are left for each round.
"""

from enum import StrEnum

import msgspec


class Scope(StrEnum):
    """What one verdict is about."""

    SERVICE = "service"
    DOMAIN = "domain"
    """The domains a gate is about: the walked one, or during a bake all that have been walked."""
    FLEET = "fleet"
    """Everything at once: whoever asks within an interval shares one answer."""


class Moment(StrEnum):
    """When a check is asked."""

    BEFORE = "before"
    """Before the change begins: whatever is red then was not our doing."""
    DOMAIN = "domain"
    """In the gate after every domain."""
    BAKE = "bake"
    AFTER = "after"
    """In the gate after the last domain, when every domain has been walked."""


class InstancesSource(msgspec.Struct, frozen=True, tag="instances"):
    """The platform's own word on role instances."""

    share: float = 1.0
    """How many of them have to be ready, at least."""
    restarts_max: int | None = None
    """How often one of them may have stopped being ready since the gate began; None = as often as it likes."""


class HttpSource(msgspec.Struct, frozen=True, tag="http"):
    """A URL, and what its answer has to look like."""

    url: str
    method: str = "GET"
    headers: dict[str, str] = {}
    statuses: tuple[int, ...] = (200,)
    contains: str | None = None
    fields: dict[str, str] = {}
    """Path in a JSON body -> the text its value has to read as."""
    latency_s: float | None = None
    samples: int = 1


class CommandSource(msgspec.Struct, frozen=True, tag="command"):
    """A command the settings define, by name."""

    name: str
    arguments: tuple[str, ...] = ()
    prints_json: bool = False


class MetricSource(msgspec.Struct, frozen=True, tag="metric"):
    """A query of a Prometheus server the settings define, and how its numbers are judged."""

    query: str
    operator: str = ""
    """How each number has to stand to `bound`; empty = walked domains are compared with the others instead."""
    bound: float = 0.0
    server: str = "default"
    range_s: float = 0.0
    """How far back a range query looks; 0 = an instant query."""
    step_s: float = 15.0
    service_label: str | None = None
    """The label by which one answer serves every service of a wave."""
    domain_label: str = "instance"
    """The label that tells whose number it is: an instance's name or address, or for `domain` the domain's number."""
    worse: str = "higher"
    min_effect: float = 0.0
    """How much worse than the others' median the walked domains' has to be, as a part of the others'."""


class WebhookSource(msgspec.Struct, frozen=True, tag="webhook"):
    """A service of the people's own that gives the verdict."""

    url: str


class PythonSource(msgspec.Struct, frozen=True, tag="python"):
    """A function that was registered under this name."""

    call: str


Source = InstancesSource | HttpSource | CommandSource | MetricSource | WebhookSource | PythonSource


class CheckPlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """One health check. `source` None = what an older journal says by `kind` alone: the instances are ready."""

    name: str
    kind: str
    timeout_s: float
    options: dict[str, str] = {}
    source: Source | None = None
    scope: Scope = Scope.DOMAIN
    advisory: bool = False
    """The verdict is shown, and never decides."""
    final: bool = False
    """A fail acts at once."""
    moments: tuple[Moment, ...] = (Moment.BEFORE, Moment.DOMAIN, Moment.BAKE, Moment.AFTER)
