"""The fleet: one subscription's services in rollout order, with tags and what they need."""

from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field

from rollout.policy.model.base import Doc, Word
from rollout.policy.model.change import Slot
from rollout.policy.model.scalars import SERVICES_MAX, Guid, ServiceName, TagKey, TagValue

TAGS_MAX = 50


def _empty_is_default(value: Any) -> Any:
    """Let `web-01:` with nothing behind it be a service without tags."""
    return {} if isinstance(value, str) and not value else value


class Service(Doc):
    """One cloud service of the fleet."""

    tags: dict[TagKey, TagValue] = Field(
        default_factory=dict, max_length=TAGS_MAX, description="Tags, for selectors and `{tag.X}`."
    )
    needs: tuple[ServiceName, ...] = Field(
        default=(), description="Services that must have ended well before this one is begun."
    )
    paired: tuple[ServiceName, ...] = Field(
        default=(), description="Services that are never in flight together with this one, going back included."
    )


ServiceForm: TypeAlias = Annotated[Service, BeforeValidator(_empty_is_default)]


class Fleet(Doc):
    """The order of `services` is the order of the rollout."""

    subscription: Annotated[Guid, Word("Azure: subscription id")] = Field(
        description="The subscription all services are in."
    )
    slot: Annotated[Slot, Word("Azure: DeploymentSlot")] = Field(
        default="production", description="The slot that is changed, unless the change names one."
    )
    services: dict[ServiceName, ServiceForm] = Field(
        min_length=1, max_length=SERVICES_MAX, description="The services by name, in rollout order."
    )
