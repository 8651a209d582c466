"""The knobs: one frozen record of every service behaviour that no public source decides."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from rollout.platforms.classic.vocabulary import Verb

READS: Final = "reads"
WRITES: Final = "writes"
READ_VERBS: Final = frozenset({"get", "poll", "list", "services"})
"""What calls that change nothing are called: Get Deployment, Get Operation Status, List Subscription Operations, and
everything else about services."""

_CLASSES: Final = (READS, WRITES, *sorted(READ_VERBS), *(verb.value for verb in Verb))
Rate = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]


def _known_classes(rates: Mapping[str, float]) -> Mapping[str, float]:
    for name in rates:
        if name not in _CLASSES:
            raise ValueError(f"unknown class {name!r:.60}; known classes: {', '.join(_CLASSES)}")
    return rates


class Throttling(BaseModel):
    """How many calls pass, in seconds of the emulated service."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calls_per_s: Annotated[Mapping[str, Rate], AfterValidator(_known_classes)] = Field(default_factory=dict)
    """How many calls of each class pass in a second; a class is `reads`, `writes` or a verb, and others are free."""
    storm_every_s: float = Field(default=0.0, ge=0, le=10_000_000, allow_inf_nan=False)
    """How often a storm comes, in which no call of a class named in `calls_per_s` passes; 0 = never."""
    storm_s: float = Field(default=0.0, ge=0, le=10_000_000, allow_inf_nan=False)
    """How long a storm lasts; it ends each period."""


class Knobs(BaseModel):
    """How the emulated service behaves where its contract is silent; each default is the likeliest reading.

    Every duration is in seconds of the emulated service: `time_scale` makes all of them shorter together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    walk_wrong_domain: Literal[400, 409] = 400
    """The answer to a walk of a domain other than the current one."""
    walk_no_update: Literal[400, 409] = 400
    """The answer to a walk while no Manual update is in progress."""
    walk_done_domain: Literal[400, 409, "accept"] = 400
    """The answer to a walk of a domain already walked; `accept` = 202, Succeeded, no effect."""
    walk_while_during: Literal[409, 400] = 409
    """The answer to a walk while another is During; 409 carries the exclusive-access text."""
    rollback_accept: Literal["split", 202, 200] = "split"
    """The status of an accepted rollback; `split` = 200 by name, 202 by slot."""
    rollback_denied: Literal[400, 409] = 400
    """The answer to a rollback that is not possible."""
    rollback_flag: Literal["auto", False, "absent"] = "auto"
    """What RollbackAllowed shows while a rollback really is possible."""
    rollback_pointer: Literal["restart", "resume"] = "restart"
    """A Manual rollback starts again at domain 0 over all domains, or covers only the touched ones."""
    force_refused: Literal[400, 409] = 400
    """The answer to an update that would lose data, without Force; the fault `data_loss` makes one."""
    swap_unnamed: Literal[409, 400] = 409
    """The answer to a swap that leaves an occupied production slot unnamed, or names an empty one."""
    conflict_text: Literal["with_id", "without_id"] = "with_id"
    """Whether the exclusive-access message names the operation that holds the lock."""
    manual_op_done: Literal["accept", "last_walk"] = "accept"
    """When the operation of a Manual begin or rollback becomes Succeeded."""
    label_flip: Literal["accept", "first_walk", "end"] = "accept"
    """When Get Deployment shows the new Label and Configuration."""
    settle_lag_s: float = Field(default=0.0, ge=0, le=86_400, allow_inf_nan=False)
    """How long UpgradeStatus and Transitioning linger after the operation Succeeded."""
    unknown_operation: Literal[404, 400] = 404
    """The answer to Get Operation Status for an id nobody was given."""
    ops_for_reads: bool = True
    """Whether ids of reads and refused calls answer Succeeded too."""
    token_failure: Literal[401, 403] = 401
    """The status of a call without the right bearer token, where one is asked for."""
    list_ops_page_size: int = Field(default=100, ge=1, le=10_000)
    """How many operations one page of List Subscription Operations holds."""
    list_ops_lag_s: float = Field(default=0.0, ge=0, le=86_400, allow_inf_nan=False)
    """How late List Subscription Operations shows that an operation has begun or ended."""
    list_services_page_size: int = Field(default=1_000, ge=1, le=100_000)
    """How many services one page of List Cloud Services holds."""
    throttle: Throttling = Field(default_factory=Throttling)
    """Which calls are answered 503 TooManyRequests for their rate; nothing is, unless it is named."""
    xml_order: Literal["strict", "drop"] = "strict"
    """A late or unknown element is refused, or silently dropped as the real deserialiser does."""
    enum_case: Literal["any", "exact"] = "any"
    """Whether Mode and Status values match in any case."""
    lenient_ns: bool = False
    """Whether the misprinted https namespace is taken too."""
    accept_delay_s: float | None = Field(default=None, ge=0, le=86_400, allow_inf_nan=False)
    """How long a begin or rollback keeps the deployment Locked; none = drawn from the recorded swaps."""
    time_scale: float = Field(default=1.0, gt=0, le=1_000_000, allow_inf_nan=False)
    """How many times faster than the recorded service the emulated one is."""
    instance_net: Literal[10, 127] = 10
    """Instances have addresses 10.x.y.4 and up, or 127.x.y.4 and up, at which a test can stand in for them."""
    domain_spread: Literal["mod", "blocks"] = "mod"
    """Instance i lies in domain i mod count, or instances fill the domains in blocks."""
