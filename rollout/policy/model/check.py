"""Health checks: one kind each, a short form for each kind, and when and how strictly the verdict counts."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from rollout.policy.model.base import Doc, ShortForm, wrong
from rollout.policy.model.check_kinds import (
    CommandCheck,
    HttpCheck,
    InstancesCheck,
    MetricCheck,
    PythonCheck,
    WebhookCheck,
)
from rollout.policy.model.scalars import Bound, Flag, WaveName
from rollout.policy.model.threshold import split_measure
from rollout.policy.placeholders import used

_STRING = {"type": "string"}


class Check(Doc):
    """One check: exactly one of the kinds, and how its verdict counts."""

    KINDS: ClassVar = ("instances", "http", "command", "metric", "webhook", "python")

    instances: Annotated[InstancesCheck | None, ShortForm("state", {"const": "ready"})] = Field(
        default=None, description="The instances are ready; in short `ready`."
    )
    http: Annotated[HttpCheck | None, ShortForm("url", _STRING)] = Field(
        default=None, description="A URL answers; in short the URL."
    )
    command: Annotated[CommandCheck | None, ShortForm("name", _STRING)] = Field(
        default=None, description="A command of the settings; in short its name."
    )
    metric: Annotated[MetricCheck | None, ShortForm("query", _STRING), BeforeValidator(split_measure)] = Field(
        default=None, description="A metric within its bound; in short `query < 0.01`."
    )
    webhook: Annotated[WebhookCheck | None, ShortForm("url", _STRING)] = Field(
        default=None, description="A service of yours gives the verdict; in short its URL."
    )
    python: Annotated[PythonCheck | None, ShortForm("call", _STRING)] = Field(
        default=None, description="A registered function; in short its name."
    )
    name: WaveName | None = Field(default=None, description="What it is called in events; unset, its kind.")
    scope: Literal["service", "domain", "fleet"] | None = Field(
        default=None,
        description="What is judged: the whole service, the walked domain, or the fleet; unset, the domain for "
        "`instances` and the service for all others.",
    )
    timeout: Bound = Field(default=10.0, description="How long one answer may take; none in time is `unknown`.")
    advisory: Flag = Field(default=False, description="The verdict is shown and never stops anything.")
    final: Flag = Field(default=False, description="A fail acts at once instead of after `retry_timeout`.")
    output_json: Flag = Field(
        default=False, alias="json", description="A command prints its verdict as JSON instead of by exit code."
    )
    moments: tuple[Literal["before", "domain", "bake", "after"], ...] = Field(
        default=("before", "domain", "bake", "after"),
        min_length=1,
        description="When it is asked: before the change, after every domain, during a bake, after the last domain.",
    )

    @property
    def judged(self) -> Literal["service", "domain", "fleet"]:
        """Give what it judges."""
        return self.scope or ("domain" if self.instances is not None else "service")

    @property
    def kind(self) -> str:
        """Give which of the kinds it is."""
        return next(kind for kind in self.KINDS if getattr(self, kind) is not None)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [kind for kind in self.KINDS if getattr(self, kind) is not None]
        if len(kinds) != 1:
            named = f"has {' and '.join(kinds)}" if kinds else "has no kind"
            raise wrong(f"{named}; a check is exactly one of {', '.join(self.KINDS)}")
        if self.output_json and self.command is None:
            raise wrong("`json` here is for a command; the JSON an http check wants stands inside it")
        if self.metric is not None and self.metric.compare is not None and self.judged == "fleet":
            raise wrong("`compare` is about the domains of one service")
        return self

    @property
    def words(self) -> tuple[str, ...]:
        """Give the texts in which placeholders may stand."""
        texts = [self.http.url] if self.http else [self.webhook.url] if self.webhook else []
        texts += [self.metric.query] if self.metric else list(self.command.arguments) if self.command else []
        return tuple(texts)

    @model_validator(mode="after")
    def _placeholders_have_a_value(self) -> Self:
        names = frozenset[str]().union(*map(used, self.words))
        if "instances" in names and (self.http is None or self.judged == "fleet"):
            raise wrong("`{instances}` has a value only in an http check with scope service or domain")
        if "domain" in names and self.judged != "domain":
            raise wrong("`{domain}` has a value only with scope domain")
        return self
