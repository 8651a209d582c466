"""A notice: what people who look at nothing are told, and where a plan wants it sent."""

from enum import StrEnum

import msgspec

from rollout.core.names import Digest, RolloutId, ServiceName


class NoticeEvent(StrEnum):
    """What a notice is about."""

    STARTED = "started"
    WAVE_FINISHED = "wave_finished"
    APPROVAL_NEEDED = "approval_needed"
    SERVICE_FAILED = "service_failed"
    NEEDS_ATTENTION = "needs_attention"
    """Nothing goes on without a person: on a service, or in the rollout as a whole."""
    FINISHED = "finished"


class NoticeState(StrEnum):
    """Where an alert stands."""

    TOLD = "told"
    """It happened; there is nothing to be resolved."""
    RAISED = "raised"
    AGAIN = "again"
    """It still is so: a stop is told again every quarter of an hour, a claimed alert when it is handed back."""
    CLAIMED = "claimed"
    """Somebody has it: it is not told again until it is handed back."""
    RESOLVED = "resolved"


class NoticeFormat(StrEnum):
    """How it is written."""

    JSON = "json"
    SLACK = "slack"
    TEAMS = "teams"


class NotifyPlan(msgspec.Struct, frozen=True):
    """Who is told. `webhook` names the URL among the payloads, for it may hold a secret; `shown` holds none."""

    webhook: Digest
    shown: str
    events: tuple[NoticeEvent, ...]
    format: NoticeFormat


class Notice(msgspec.Struct, frozen=True):
    """One thing to tell. It follows from the journal alone, so it is the same however often it is drawn from it."""

    key: str
    """Names this notice: whoever gets the same key twice has been told the same twice."""
    alert: str
    """Ties together what was raised, is told again, and is resolved."""
    event: NoticeEvent
    state: NoticeState
    rollout: RolloutId
    sentence: str
    at_wall: float
    """When it became so, by people's clock."""
    position: int
    """The entry it was drawn from."""
    service: ServiceName | None = None
    wave: str | None = None
    instead: str = ""
    """What to do or to look at next, as a command line."""
    about: dict[str, str] = {}
    """Ticket, owner and runbook, as the policy gives them."""
