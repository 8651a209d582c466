"""The policy: what changes, on which fleet, in which waves, what counts as healthy, and what happens on failure."""

from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import Discriminator, Field, Tag

from rollout.policy.model.base import Doc
from rollout.policy.model.change import HOUR, MINUTE, Change
from rollout.policy.model.failure import OnFailure, Rollback
from rollout.policy.model.fleet import Fleet
from rollout.policy.model.health import Health
from rollout.policy.model.scalars import Bound, Line, NoticeUrl, RolloutId
from rollout.policy.model.walk import OperationTimeout, Walk
from rollout.policy.model.wave import Approve, Wave, default_waves
from rollout.policy.model.window import WindowsForm
from rollout.settings.notices import NOTICED, NoticeEvent, NoticeFormat

WAVES_MAX = 100
NOTIFY_MAX = 20
ABOUT_MAX = 20

Reaction: TypeAlias = Literal["tolerate", "hold"]


class Notify(Doc):
    """Where news of the rollout is sent."""

    webhook: NoticeUrl = Field(
        description="The URL that is posted to; one that is not public has to stand in allow.hosts of the settings."
    )
    events: tuple[NoticeEvent, ...] = Field(
        default=NOTICED,
        min_length=1,
        description="Which news are sent. needs_attention: nothing goes on without a person, told again once that is "
        "resolved, and a stop every 15 minutes; approval_needed likewise; the others happen once.",
    )
    format: NoticeFormat = Field(
        default="json", description="json (signed with a key of the settings), or the message of a chat: slack, teams."
    )


class Foreign(Doc):
    """What other people's operations on our services mean while the rollout runs."""

    scale: Reaction = Field(default="tolerate", description="Somebody changes instance counts.")
    reboot: Reaction = Field(default="tolerate", description="Somebody reboots or reimages an instance.")
    upgrade: Reaction = Field(default="hold", description="Somebody starts a change of their own.")


def _fleet_form(value: Any) -> str:
    return "inline" if isinstance(value, dict | Fleet) else "path"


FleetForm: TypeAlias = Annotated[
    Annotated[Line, Tag("path")] | Annotated[Fleet, Tag("inline")], Discriminator(_fleet_form)
]


class Policy(Doc):
    """One page that says everything about one rollout."""

    rollout: RolloutId = Field(description="The rollout's id; it names streams, and the label when none is set.")
    about: dict[Line, Line] = Field(
        default_factory=dict, max_length=ABOUT_MAX, description="Ticket, owner, runbook: shown, never interpreted."
    )
    extends: Line | None = Field(
        default=None, description="One file of shared defaults, one level; what this policy sets wins."
    )
    change: Change = Field(description="What is done to every service.")
    fleet: FleetForm = Field(description="The fleet file, or the fleet itself.")
    waves: tuple[Wave, ...] = Field(
        default_factory=default_waves,
        min_length=1,
        max_length=WAVES_MAX,
        description="Ordered groups of services; unset, one wave `rest` with every default.",
    )
    health: Health = Field(default_factory=Health, description="What counts as healthy after a domain.")
    walk: Walk = Field(default_factory=Walk, description="How domains are walked.")
    operation_timeout: OperationTimeout = Field(
        default_factory=OperationTimeout, description="Bounds of single operations."
    )
    timeout: Bound = Field(
        default=24 * HOUR,
        description="Per service, progress time only: holds for people, windows, approvals and freezes do not count.",
    )
    deadline: Bound | None = Field(
        default=None,
        description="The wall-clock bound of the whole rollout, counted from its opening; past it the rollout halts as "
        "`on_failure.wave` says, until a person's `resume`. Unset, there is none.",
    )
    on_failure: OnFailure = Field(default_factory=OnFailure, description="What a failure does.")
    rollback: Rollback = Field(default_factory=Rollback, description="How services go back.")
    windows: WindowsForm | None = Field(default=None, description="When services may be begun; unset, always.")
    approve: Approve | None = Field(default=None, description="A person's word before the rollout goes on.")
    notify: tuple[Notify, ...] = Field(default=(), max_length=NOTIFY_MAX, description="Who is told of what.")
    submit: Literal["manual", "auto"] = Field(
        default="manual",
        description="In a daemon's policy folder: offered to people, or submitted as soon as it is new.",
    )
    on_conflict: Literal["refuse", "queue", "supersede"] = Field(
        default="refuse", description="Another rollout wants one of the targets: refuse, wait for it, or take over."
    )
    priority: Literal["normal", "urgent"] = Field(
        default="normal", description="The place in the order of admission and pacing."
    )
    foreign: Foreign = Field(default_factory=Foreign, description="What other people's operations mean.")

    def health_of(self, wave: Wave) -> Health:
        """Give the health of a wave: its own fields over the policy's."""
        return _over(self.health, wave.health)

    def walk_of(self, wave: Wave) -> Walk:
        """Give the walk of a wave: its own fields over the policy's."""
        return _over(self.walk, wave.walk)

    def on_failure_of(self, wave: Wave) -> OnFailure:
        """Give what a failure does in a wave: its own fields over the policy's."""
        return _over(self.on_failure, wave.on_failure)

    def bake_before_last_s(self, wave: Wave, slot: str) -> float:
        """Give the bake before the last domain: unset, 5m for upgrades of production, else none."""
        bake = self.walk_of(wave).bake_before_last
        if bake is not None:
            return bake
        return 5 * MINUTE if self.change.upgrade and slot == "production" else 0.0


_D = TypeVar("_D", bound=Doc)


def _over(base: _D, own: _D | None) -> _D:
    return base if own is None else base.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})
