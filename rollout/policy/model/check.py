"""Health checks: one kind each, a short form for each kind, and when and how strictly the verdict counts."""

import re
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from rollout.policy.model.base import Doc, Kind, ShortForm, in_words, wrong
from rollout.policy.model.scalars import (
    PER_SERVICE,
    Bound,
    Flag,
    HookUrl,
    Line,
    Number,
    WaveName,
    allowing,
    matching,
    to_int,
    to_line,
)
from rollout.policy.placeholders import used
from rollout.policy.tree import shown

ARGUMENTS_MAX = 20
_STRING = {"type": "string"}
_MEASURE = re.compile(r"(.+\S)\s*(<=|>=|<|>)\s*(-?[0-9]{1,15}(?:\.[0-9]{1,15})?)")

Status: TypeAlias = Annotated[int, Kind("an HTTP status"), BeforeValidator(in_words(to_int)), Field(ge=100, le=599)]
Words: TypeAlias = Annotated[Line, allowing(*PER_SERVICE, "domain")]


class InstancesCheck(Doc):
    """The instances themselves, as the platform shows them."""

    state: Literal["ready"] = Field(default="ready", description="The state every instance in scope must show.")


class HttpCheck(Doc):
    """A GET that must answer with one status."""

    url: HookUrl = Field(description="What is asked; `{instances}` asks every instance in scope by itself.")
    status: Status = Field(default=200, description="The status that means healthy.")


class CommandCheck(Doc):
    """A command the settings define: exit 0 pass, 75 wait, anything else fail."""

    name: WaveName = Field(description="The command's name in the settings; a policy never spells a program out.")
    arguments: tuple[Words, ...] = Field(
        default=(), max_length=ARGUMENTS_MAX, description="Given to it as they are, without a shell."
    )


class MetricCheck(Doc):
    """A number from a metric source the settings define, compared with a bound."""

    query: Annotated[Line, Kind("a query of the source"), allowing(*PER_SERVICE, "domain", other_braces=True)] = Field(
        description="Asked of the source; must give one number."
    )
    compare: Literal["<", "<=", ">", ">="] = Field(description="How the number must stand to `bound`.")
    bound: Number = Field(description="The bound.")
    source: WaveName = Field(default="default", description="The source's name in the settings.")


class WebhookCheck(Doc):
    """A POST answered by `{verdict: pass|wait|fail|abort|unknown, reason}`."""

    url: HookUrl = Field(description="What is asked.")


class PythonCheck(Doc):
    """A Python function registered by the embedding program."""

    call: Annotated[
        str,
        Kind("module:function"),
        BeforeValidator(matching(r"[A-Za-z_][\w.]{0,200}:[A-Za-z_]\w{0,100}", "written as module:function")),
    ] = Field(description="The function that gives the verdict.")


def split_measure(value: Any) -> Any:
    """Write the short form `query < 0.01` out; raises ValueError."""
    if not isinstance(value, str):
        return value
    found = _MEASURE.fullmatch(to_line(value).strip())
    if found is None:
        raise ValueError(f"{shown(value)} has no bound; write it like `error_rate < 0.01`")
    return {"query": found[1], "compare": found[2], "bound": float(found[3])}


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
    metric: Annotated[MetricCheck | None, ShortForm("query", _STRING), BeforeValidator(in_words(split_measure))] = (
        Field(default=None, description="A metric within its bound; in short `query < 0.01`.")
    )
    webhook: Annotated[WebhookCheck | None, ShortForm("url", _STRING)] = Field(
        default=None, description="A service of yours gives the verdict; in short its URL."
    )
    python: Annotated[PythonCheck | None, ShortForm("call", _STRING)] = Field(
        default=None, description="A function of the embedding program; in short `module:function`."
    )
    name: WaveName | None = Field(default=None, description="What it is called in events; unset, its kind.")
    scope: Literal["service", "domain", "fleet"] = Field(
        default="service", description="What is judged: the whole service, the walked domain, or the fleet."
    )
    timeout: Bound = Field(default=10.0, description="How long one answer may take; none in time is `unknown`.")
    advisory: Flag = Field(default=False, description="The verdict is shown and never stops anything.")
    final: Flag = Field(default=False, description="A fail acts at once instead of after `retry_timeout`.")
    output_json: Flag = Field(
        default=False, alias="json", description="A command prints its verdict as JSON instead of by exit code."
    )
    moments: tuple[Literal["before", "domain", "bake"], ...] = Field(
        default=("before", "domain", "bake"),
        min_length=1,
        description="When it is asked: before the change, after every domain, during a bake.",
    )

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
            raise wrong("`json` is for a command only")
        return self

    @model_validator(mode="after")
    def _placeholders_have_a_value(self) -> Self:
        words = [self.http.url] if self.http else [self.webhook.url] if self.webhook else []
        words += [self.metric.query] if self.metric else list(self.command.arguments) if self.command else []
        names = frozenset[str]().union(*map(used, words))
        if "instances" in names and (self.http is None or self.scope == "fleet"):
            raise wrong("`{instances}` has a value only in an http check with scope service or domain")
        if "domain" in names and self.scope != "domain":
            raise wrong("`{domain}` has a value only with scope domain")
        return self
