"""What is needed next: imperatives that the shell carries out without asking why."""

import msgspec

from rollout.core.check_plan import Moment
from rollout.core.event import ServiceFact
from rollout.core.names import Slot
from rollout.core.operation import Operation
from rollout.core.outcome import Handle
from rollout.core.prepare import Order


class PollOperation(msgspec.Struct, frozen=True, tag="poll"):
    """Ask how call `number` is doing."""

    number: int
    handle: Handle


class LookAtDeployment(msgspec.Struct, frozen=True, tag="look"):
    """Look at the deployment: at whatever stands in `slot`, or (None) at the target itself."""

    slot: Slot | None = None


class ProbeHealth(msgspec.Struct, frozen=True, tag="probe"):
    """Ask the named checks about `domains`, each `interval_s` seconds, the first time at engine second `first_t`.

    After a walk that is the walked domain alone; during a bake all that have been walked; before the change none.
    """

    domains: tuple[int, ...]
    interval_s: float
    first_t: float
    checks: tuple[str, ...] = ()
    moment: Moment = Moment.DOMAIN


Source = PollOperation | LookAtDeployment | ProbeHealth


class Submit(msgspec.Struct, frozen=True, tag="submit"):
    """Make this call: permit, decide again, record the intent, send, record the answer."""

    operation: Operation
    going_back: bool


class Watch(msgspec.Struct, frozen=True, tag="watch"):
    """Ask these sources until `interpret` finds a fact in one answer, or the state changes otherwise.

    `due_t` is the engine second at which an answer is wanted in any case: the end of a clock.
    """

    sources: tuple[Source, ...]
    due_t: float


class Wait(msgspec.Struct, frozen=True, tag="wait"):
    """Do nothing until engine second `until_t`; None = until somebody's word."""

    until_t: float | None


class Record(msgspec.Struct, frozen=True, tag="record"):
    """Write this fact down."""

    fact: ServiceFact


class Prepare(msgspec.Struct, frozen=True, tag="prepare"):
    """Make the documents that the change sends, and see whether its packages can be fetched.

    The outcome is a fact, `Prepared` or `Unfit`.
    """

    order: Order


Action = Submit | Watch | Wait | Record | Prepare
