"""What people were told, or could not be told yet: the outbox of a state directory, read from outside."""

from pathlib import Path

import msgspec

from rollout.core.names import RolloutId
from rollout.core.notice import Notice
from rollout.journal.outbox import LISTED_MAX, Posted, Standing
from rollout.journal.visitor import Visitor
from rollout.views.text import one_line

NAMES = {Standing.WAITS: "waits", Standing.TAKEN: "sent", Standing.GIVEN_UP: "given up"}


class NoticeView(msgspec.Struct, frozen=True):
    """One notice for one target. Moments are POSIX seconds; `said` is what became of the last attempt."""

    key: str
    target: str
    """`FORMAT/DIGEST` of a policy's URL, or `settings/NAME`."""
    rollout: str
    event: str
    state: str
    """How the alert stands: told, raised, again, resolved."""
    sentence: str
    delivery: str
    """waits, sent, or given up."""
    attempts: int
    at: float
    tried_at: float | None
    said: str


def read_notices(state: Path, rollout: RolloutId | None = None, limit: int = LISTED_MAX) -> list[NoticeView]:
    """Give what was given up first, then what waits, then what was sent, each with the newest first.

    Raises StateUnusable where there is no journal.
    """
    with Visitor.opened(state) as visitor:
        return [_view(each) for each in visitor.letters(rollout, limit)]


def send_again(state: Path, rollout: RolloutId | None = None) -> int:
    """Let what was given up be sent again, by the engine that runs or the next one; gives how many notices."""
    with Visitor.opened(state, asks=True) as visitor:
        return visitor.wait_again(rollout)


def _view(posted: Posted) -> NoticeView:
    notice = msgspec.json.decode(posted.body, type=Notice)
    return NoticeView(
        key=posted.key,
        target=posted.target,
        rollout=posted.rollout,
        event=notice.event.value,
        state=notice.state.value,
        sentence=one_line(notice.sentence),
        delivery=NAMES[posted.state],
        attempts=posted.attempts,
        at=posted.made,
        tried_at=posted.tried,
        said=one_line(posted.said),
    )
