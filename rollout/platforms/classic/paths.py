"""Where things are in the API: paths of services, deployments, instances and operations, each name quoted."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from rollout.core.names import Slot as CoreSlot
from rollout.core.names import Target
from rollout.platforms.classic.request import CannotEncode
from rollout.platforms.classic.vocabulary import Comp, Slot

SEGMENT_CHARS_MAX: Final = 256
QUERY_CHARS_MAX: Final = 2_048

_SLOTS: Final = {CoreSlot.PRODUCTION: Slot.PRODUCTION, CoreSlot.STAGING: Slot.STAGING}


def services_path(subscription: str) -> str:
    """Name the list of a subscription's cloud services."""
    return f"/{segment(subscription)}/services/hostedservices"


def service_path(subscription: str, service: str) -> str:
    """Name one cloud service."""
    return f"{services_path(subscription)}/{segment(service)}"


def slot_path(target: Target) -> str:
    """Name a deployment by where it stands."""
    return f"{service_path(target.subscription, target.service)}/deploymentslots/{_SLOTS[target.slot]}"


def deployment_path(target: Target) -> str:
    """Name a deployment by its own name where known, since a slot means another deployment after a swap."""
    if target.deployment is None:
        return slot_path(target)
    return f"{service_path(target.subscription, target.service)}/deployments/{segment(target.deployment)}"


def change_path(target: Target, comp: Comp) -> str:
    """Name a change of a deployment; the API spells these paths with a slash before the query."""
    return f"{deployment_path(target)}/?comp={comp}"


def instance_path(target: Target, instance: str, comp: Comp) -> str:
    """Name an operation on one role instance; without the slash that changes of a deployment have."""
    return f"{deployment_path(target)}/roleinstances/{segment(instance)}?comp={comp}"


def operations_path(subscription: str) -> str:
    """Name the list of a subscription's operations."""
    return f"/{segment(subscription)}/operations"


def with_query(path: str, query: Mapping[str, str | None]) -> str:
    """Append what is not None of `query`, in its order."""
    pairs = [f"{name}={_value(value, name)}" for name, value in query.items() if value is not None]
    return f"{path}?{'&'.join(pairs)}" if pairs else path


def segment(text: str) -> str:
    """Quote one path segment, so that no name can leave its place in the path."""
    if not text or text in {".", ".."} or len(text) > SEGMENT_CHARS_MAX:
        raise CannotEncode(f"{text[:SEGMENT_CHARS_MAX]!r} cannot name anything in a path of the API")
    return quote(utf8(text, "a name"), safe="")


def utf8(text: str, what: str) -> bytes:
    """Encode `text`; half a character cannot be sent."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise CannotEncode(f"{what} contains half a character (a lone surrogate)") from None


def _value(text: str, name: str) -> str:
    if len(text) > QUERY_CHARS_MAX:
        raise CannotEncode(f"{name} has {len(text)} characters; a query takes {QUERY_CHARS_MAX}")
    return quote(utf8(text, name), safe="")
