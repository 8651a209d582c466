"""What each kind of check asks, and what answer is healthy."""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from rollout.policy.model.base import Doc, Kind, in_words, wrong
from rollout.policy.model.scalars import (
    PER_SERVICE,
    Bound,
    HookUrl,
    Line,
    WaveName,
    allowing,
    matching,
    to_int,
)
from rollout.policy.model.threshold import HeaderName, JsonPath, LabelName, Query, Share, Threshold
from rollout.policy.placeholders import used

ARGUMENTS_MAX = 20
HEADERS_MAX = 20
FIELDS_MAX = 20
STATUSES_MAX = 20
SAMPLES_MAX = 20
RESTARTS_MAX = 1_000

Status: TypeAlias = Annotated[int, Kind("an HTTP status"), BeforeValidator(in_words(to_int)), Field(ge=100, le=599)]
Statuses: TypeAlias = Annotated[
    tuple[Status, ...],
    Kind("an HTTP status, or a list of them"),
    BeforeValidator(lambda value: value if isinstance(value, list | tuple) else [value]),
    Field(min_length=1, max_length=STATUSES_MAX),
]
Words: TypeAlias = Annotated[Line, allowing(*PER_SERVICE, "domain")]
Samples: TypeAlias = Annotated[
    int, Kind("a whole number, 1 to 20"), BeforeValidator(in_words(to_int)), Field(ge=1, le=SAMPLES_MAX)
]
Restarts: TypeAlias = Annotated[
    int, Kind("a whole number, 0 or more"), BeforeValidator(in_words(to_int)), Field(ge=0, le=RESTARTS_MAX)
]


class InstancesCheck(Doc):
    """The instances themselves, as the platform shows them."""

    state: Literal["ready"] = Field(default="ready", description="The state instances in scope must show.")
    share: Share = Field(default=1.0, description="How many of them must show it, at least.")
    restarts: Restarts | None = Field(
        default=None,
        description="How often one instance may stop being ready during one gate or bake; unset, nobody counts.",
    )


class HttpCheck(Doc):
    """A URL that must answer as a healthy service does."""

    url: HookUrl = Field(description="What is asked; `{instances}` asks every instance in scope by itself.")
    method: Literal["GET", "HEAD", "POST"] = Field(default="GET", description="How it is asked.")
    headers: dict[HeaderName, Line] = Field(
        default_factory=dict, max_length=HEADERS_MAX, description="Headers sent along; a secret does not belong here."
    )
    status: Statuses = Field(default=(200,), description="The statuses that mean healthy: one, or a list.")
    contains: Line | None = Field(default=None, description="A text the body must contain.")
    fields_equal: dict[JsonPath, Line] = Field(
        default_factory=dict,
        alias="json",
        max_length=FIELDS_MAX,
        description="The body is JSON, and what lies at each path, such as `checks.db[0].state`, reads like this.",
    )
    latency: Bound | None = Field(default=None, description="How long one answer may take to count as healthy.")
    samples: Samples = Field(
        default=1, description="How often it is asked in each round; every answer must be healthy."
    )


class CommandCheck(Doc):
    """A command the settings define: exit 0 pass, 75 wait, anything else fail."""

    name: WaveName = Field(description="The command's name in the settings; a policy never spells a program out.")
    arguments: tuple[Words, ...] = Field(
        default=(), max_length=ARGUMENTS_MAX, description="Given to it as they are, without a shell."
    )


class MetricCheck(Doc):
    """Numbers of a Prometheus server the settings define: within a bound, or walked domains like all others."""

    query: Annotated[Query, allowing(*PER_SERVICE, "domain", other_braces=True)] = Field(
        description="Asked of the server in its own language."
    )
    threshold: Threshold | None = Field(default=None, description="How the newest number of every series must stand.")
    compare: Literal["walked|unwalked"] | None = Field(
        default=None,
        description="Instead of a threshold: the numbers of walked domains against those of all others, by the rank "
        "test of Mann and Whitney.",
    )
    worse: Literal["higher", "lower"] = Field(default="higher", description="For `compare`: which numbers are worse.")
    min_effect: Share = Field(
        default=0.1,
        description="For `compare`: how much worse the median of walked domains must be, as a share of the others', to "
        "count.",
    )
    domain_label: LabelName = Field(
        default="instance",
        description="For `compare`: the label that tells whose number it is, holding an instance's name or address, "
        "with or without a port; a label called `domain` holds the domain's number.",
    )
    range: Bound | None = Field(
        default=None, description="How far back a range query looks; unset, the query is asked for this instant."
    )
    step: Bound = Field(default=15.0, description="The time between two numbers of a range query.")
    server: WaveName = Field(default="default", description="The server's name in the settings (`metrics.NAME`).")
    service_label: LabelName | None = Field(
        default=None,
        description="The label of the answer that names the service: then one query serves every service at once.",
    )

    @model_validator(mode="after")
    def _judged_in_one_way(self) -> Self:
        if (self.threshold is None) == (self.compare is None):
            raise wrong("needs a threshold such as `< 0.01`, or `compare: walked|unwalked`, and not both")
        if self.service_label is not None and "service" in used(self.query):
            raise wrong("with `service_label` one query serves every service, so `{service}` has no place in it")
        return self


class WebhookCheck(Doc):
    """A signed POST answered by `{verdict: pass|wait|fail|abort|unknown, reason}`."""

    url: HookUrl = Field(description="What is asked.")


class PythonCheck(Doc):
    """A Python function that was registered: by an entry point of `rollout.checks`, or by the embedding program."""

    call: Annotated[
        str,
        Kind("a name, or module:function"),
        BeforeValidator(
            matching(r"[A-Za-z_][\w.-]{0,200}(:[A-Za-z_]\w{0,100})?", "written as a name or as module:function")
        ),
    ] = Field(description="The function that gives the verdict, by the name it was registered under.")
