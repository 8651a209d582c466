"""A state taken from a backup: marked, so that it is quiet for a while and then looks before it calls.

The backup knows nothing of what the old host did after it was taken. So the engine waits until no request of that host
can arrive any more, and each service's deployment is looked at before its next call: what does not fit what is recorded
is somebody else's change, and is left to a person.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from rollout.core.evolve import evolve
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.freeze_event import Restored
from rollout.core.names import ENGINE_STREAM, Now, RolloutId
from rollout.engine.groups import unwrapped
from rollout.engine.kit import QUARANTINE_PER_TIMEOUT
from rollout.journal.backup import Backup, put_back
from rollout.journal.ledger import Ledger
from rollout.journal.sqlite import SqliteJournal
from rollout.journal.state import StateDirectory

if TYPE_CHECKING:
    from rollout.engine.streams import RolloutLedger


class RestoredState(msgspec.Struct, frozen=True):
    """What was put back."""

    backup: Backup
    open_rollouts: tuple[RolloutId, ...]
    quarantine_s: float
    """For so long the engine that goes on with it calls nothing."""


async def restore(backup: Path, state: Path, *, who: str, request_timeout_s: float) -> RestoredState:
    """Put a backup into an empty state directory and mark it. The old host must be dead, and stay so.

    Raises UsageError where there is a journal, StateInUse, StateUnusable, JournalDamaged.
    """
    quarantine_s = QUARANTINE_PER_TIMEOUT * request_timeout_s
    with unwrapped(), StateDirectory.open(state, command="rollout state restore", started_wall=time.time()) as opened:
        found = put_back(backup, opened.journal)
        async with SqliteJournal.opened(opened.journal) as journal:
            ledger: RolloutLedger = Ledger(journal, evolve, evolve_fleet)
            async with ledger.opened():
                mark = Restored(who, f"from {backup.name}, which ends with record {found.position}", quarantine_s)
                now = Now(await journal.last_t(), time.time())
                await ledger.put([(ENGINE_STREAM, mark)], now=now, actor=who)
                rollouts = tuple(name for name, each in ledger.rollouts().items() if each.closed is None)
    return RestoredState(found, rollouts, quarantine_s)
