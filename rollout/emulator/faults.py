"""Faults: what shall go wrong, where, and how often; a list written by people or scripts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from rollout.emulator.knobs import READ_VERBS
from rollout.platforms.classic.vocabulary import Verb

FAULTS_MAX: Final = 10_000


class Effect(StrEnum):
    """What a fault does to the call or operation it meets."""

    FAIL = "fail"
    """The operation ends Failed and leaves the deployment as it was."""
    LOSE_BEFORE = "lose_before"
    """The connection is dropped; nothing happened."""
    LOSE_AFTER = "lose_after"
    """The effect is applied, then the connection is dropped without an answer."""
    CONFLICT = "409"
    """The exclusive-access conflict."""
    INTERNAL_ERROR = "500"
    """InternalError; nothing happened."""
    THROTTLED = "503"
    """TooManyRequests; nothing happened."""
    REDIRECT = "307"
    """A redirect to another name of this host."""
    INTERNAL_ERROR_AFTER = "500_after"
    """The effect is applied, then the answer is InternalError."""
    TIMED_OUT_AFTER = "timeout_after"
    """The effect is applied, then the answer is OperationTimedOut."""
    SERVER_BUSY = "busy"
    """ServerBusy, with 503; nothing happened."""
    LATE = "late"
    """The connection is dropped, and the call arrives `seconds` later."""
    TOKEN = "token"  # noqa: S105 - the name of an effect
    """The call is answered as one with a bad token; nothing happened."""
    DATA_LOSS = "data_loss"
    """The update would lose data: it is refused unless it is forced."""
    HTML = "html"
    """The effect is applied, then the answer is a page of HTML under the right status."""
    HTML_503 = "html_503"
    """A gateway's page of HTML with 503; nothing happened."""
    CUT = "cut"
    """The effect is applied, then the answer is cut off in the middle."""
    SLOW = "slow"
    """The operation takes `seconds` longer."""
    STUCK = "stuck"
    """Instances of the domain never become ready; the operation stays InProgress for `seconds`, or for ever."""
    SICK = "sick"
    """The domain's work Succeeds, but one of its instances never becomes ready."""


CALL_EFFECTS: Final = (
    Effect.LOSE_BEFORE,
    Effect.CONFLICT,
    Effect.INTERNAL_ERROR,
    Effect.THROTTLED,
    Effect.REDIRECT,
    Effect.SERVER_BUSY,
    Effect.TOKEN,
    Effect.HTML_503,
    Effect.LATE,
    Effect.LOSE_AFTER,
    Effect.INTERNAL_ERROR_AFTER,
    Effect.TIMED_OUT_AFTER,
    Effect.HTML,
    Effect.CUT,
)
"""Effects that meet a call, before any work begins."""
AFTER_EFFECTS: Final = frozenset(
    {Effect.LOSE_AFTER, Effect.INTERNAL_ERROR_AFTER, Effect.TIMED_OUT_AFTER, Effect.HTML, Effect.CUT}
)
"""Effects on the answer of a call that has happened."""

_FOR_WORK: Final = frozenset({Effect.CONFLICT, Effect.LATE})
"""Effects on calls that mean nothing to a read."""
_NEEDS_SECONDS: Final = frozenset({Effect.SLOW, Effect.LATE})
_TAKES_SECONDS: Final = _NEEDS_SECONDS | {Effect.STUCK}
_KNOWN_VERBS: Final = (*(verb.value for verb in Verb), *sorted(READ_VERBS))


def _as_effect(value: Any) -> Any:
    # YAML and JSON read 409 as a number; people mean the name.
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or text not in Effect.__members__.values():
        raise ValueError(f"unknown effect {text!r:.60}; known effects: {', '.join(Effect)}")
    return Effect(text)


def _as_verb(value: Any) -> Any:
    if value is not None and value not in _KNOWN_VERBS:
        raise ValueError(f"unknown verb {value!r:.60}; known verbs: {', '.join(_KNOWN_VERBS)}")
    return value


class Fault(BaseModel):
    """One thing to go wrong. What is left out means any; reads are meant only when named (`get`, `poll`, ...)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    service: str | None = None
    verb: Annotated[str | None, BeforeValidator(_as_verb)] = None
    domain: int | None = Field(default=None, ge=0, le=19)
    times: int = Field(default=1, ge=1, le=1_000_000)
    effect: Annotated[Effect, BeforeValidator(_as_effect)]
    seconds: float | None = Field(default=None, ge=0, le=10_000_000, allow_inf_nan=False)
    """Seconds of the emulated service, for `slow`, `stuck` and `late`."""

    @model_validator(mode="after")
    def _fits_together(self) -> "Fault":
        if self.effect in _NEEDS_SECONDS and self.seconds is None:
            raise ValueError(f"`{self.effect}` needs `seconds`")
        if self.seconds is not None and self.effect not in _TAKES_SECONDS:
            raise ValueError(f"`seconds` belongs to slow and stuck and late, not to {self.effect}")
        if self.effect is Effect.DATA_LOSS and self.verb not in {None, Verb.UPGRADE}:
            raise ValueError(f"data_loss happens to upgrade, not to {self.verb}")
        if self.verb in READ_VERBS and (self.effect not in CALL_EFFECTS or self.effect in _FOR_WORK):
            raise ValueError(f"{self.effect} happens to operations; {self.verb} is a read")
        return self

    def meets(self, service: str, verb: str, domain: int | None) -> bool:
        """Say whether this fault is meant for such a call or piece of work."""
        if self.verb is None and verb in READ_VERBS:
            return False
        return (
            (self.service is None or self.service.lower() == service.lower())
            and (self.verb is None or self.verb == verb)
            and (self.domain is None or self.domain == domain)
        )


class BadFaults(ValueError):
    """The list of faults cannot be used; the message says which entry and why."""


_LIST: Final[TypeAdapter[list[Fault]]] = TypeAdapter(Annotated[list[Fault], Field(max_length=FAULTS_MAX)])


def read_faults(document: object) -> list[Fault]:
    """Check a document made of plain lists and mappings. Raises BadFaults with every problem at once."""
    if document is None:
        return []
    try:
        return _LIST.validate_python(document)
    except ValidationError as error:
        raise BadFaults("; ".join(_problem(each) for each in error.errors()[:20])) from error


def _problem(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    what = str(error["msg"]).removeprefix("Value error, ")
    return f"faults[{where}]: {what}" if where else f"faults: {what}"


@dataclass(slots=True)
class Faults:
    """The faults still to come, in the order they were listed."""

    _left: list[tuple[Fault, int]] = field(default_factory=list)

    def replace(self, faults: Sequence[Fault]) -> None:
        """Forget what was left and take these."""
        self._left = [(fault, fault.times) for fault in faults]

    def take(self, effects: Collection[Effect], service: str, verb: str, domain: int | None) -> Fault | None:
        """Use up one turn of the first fault that is meant, if any."""
        for place, (fault, left) in enumerate(self._left):
            if fault.effect in effects and fault.meets(service, verb, domain):
                if left == 1:
                    del self._left[place]
                else:
                    self._left[place] = (fault, left - 1)
                return fault
        return None

    def left(self) -> list[tuple[Fault, int]]:
        """List what is still to come, with the turns left."""
        return list(self._left)
