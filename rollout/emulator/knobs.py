"""The knobs: one frozen record of every service behaviour that no public source decides."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


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
    domain_spread: Literal["mod", "blocks"] = "mod"
    """Instance i lies in domain i mod count, or instances fill the domains in blocks."""
