"""A make-believe fleet for the dashboard alone: as many services, domains and changes a second as one likes.

The documents are those of `rollout/views`, so what is drawn has the shapes that the daemon sends; no engine is behind.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from rollout.views.head import RolloutHead, WaveView
from rollout.views.service import Attention, HoldView, ServiceView
from rollout.views.timeline import TimelineEntry

ROLLOUT: Final = "web-2.4.1"
RUNBOOK: Final = "https://wiki.example/runbooks/web"
TICKET: Final = "OPS-311"
CANARIES: Final = 10
FAILS_EVERY, FAILS_AT = 97, 6
"""One in so many services fails in the middle, and waits for a person."""
LASTS_S: Final = 1_800.0
"""How long a wave is expected to last."""
REGIONS: Final = ("weu", "neu", "eus", "wus", "sea")
BEFORE, AFTER = "web-2.4.0", ROLLOUT
FAILED: Final = "held: walk of domain {domain} failed: InternalError: The server encountered an internal error"


class Parade:
    """Services that go through their domains one step at a time, and begin anew when all are through."""

    def __init__(self, services: int, domains: int, at: float) -> None:
        self.domains = domains
        self.began_at = self.at = at
        self.position = 1
        self._last = 2 * domains + 1
        self._steps = [self._begun(index, services) for index in range(services)]
        self._changed_at = [at] * services
        self._versions = [1] * services
        self._next = 0

    def advance(self, at: float) -> int:
        """Take the next service one step on, and give which it is."""
        index = self._next
        self._next = (index + 1) % len(self._steps)
        self.at = at
        self.position += 1
        self._versions[index] += 1
        self._changed_at[index] = at
        step = self._steps[index]
        if not (self._fails(index) and step == self.domains):
            self._steps[index] = 0 if step == self._last else step + 1
        return index

    def row(self, index: int) -> ServiceView:
        """Give a service as the daemon would show it."""
        step, region = self._steps[index], REGIONS[index % len(REGIONS)]
        domain, settles = divmod(max(step - 1, 0), 2)
        ended, queued = step == self._last, step == 0
        failed = self._fails(index) and step == self.domains
        now = "failed" if failed else "in work"
        doing = "waits for its turn" if queued else f"{'lets settle' if settles else 'walks'} domain {domain}"
        name, at = f"web-{region}-{index:04}", self._changed_at[index]
        marks = (
            ["done"] * self.domains if ended else ["done"] * domain + [now] + ["to do"] * (self.domains - domain - 1)
        )
        doing = FAILED.format(domain=domain) if failed else f"all {self.domains} domains run it" if ended else doing
        said = f"{name} {doing}"
        return ServiceView(
            service=name,
            rollout=ROLLOUT,
            attempt=1,
            wave="canary" if index < CANARIES else "last" if 7 * len(self._steps) < 8 * index else "rest",
            phase="held" if failed else "succeeded" if ended else "queued" if queued else "walking",
            group="failed" if failed else "done" if ended else "queued" if queued else "in flight",
            domains=tuple(["to do"] * self.domains if queued else marks),
            domain=None if queued or ended else domain,
            doing=doing,
            sentence=said,
            since_s=0.0,
            since_at=at,
            until_at=None,
            then="",
            holds=(HoldView("failure", "engine", "a walk failed", at),) if failed else (),
            stop=None,
            attention=Attention(f"{said}; waits for a person; nothing happens by itself", at, RUNBOOK, TICKET)
            if failed
            else None,
            way_back="none, it has ended" if ended else "rollback while in progress",
            failure="walk failed" if failed else None,
            outcome="succeeded" if ended else None,
            slot="production",
            tags={"region": region, "ring": str(index % 4)},
            release_before=BEFORE,
            release_after=AFTER,
            version=self._versions[index],
        )

    def rows(self) -> Iterator[ServiceView]:
        """Give all services in the fleet's order."""
        return map(self.row, range(len(self._steps)))

    def head(self) -> RolloutHead:
        """Give the rollout as a whole."""
        rows = list(self.rows())
        counts = Counter(row.group for row in rows)
        told = {group: counts[group] for group in ("failed", "in flight", "queued", "done")}
        sentence = ", ".join(f"{count} {group}" for group, count in reversed(told.items()) if count)
        return RolloutHead(
            id=ROLLOUT,
            sentence=f"{ROLLOUT}: {sentence}",
            attention=counts["failed"] > 0,
            closed=False,
            outcome=None,
            result=None,
            claim=None,
            trouble=None,
            halted=None,
            halted_by=None,
            aborted=False,
            frozen=False,
            counts=told,
            phases=dict(Counter(row.phase for row in rows)),
            services=len(rows),
            waiting=counts["failed"],
            running=True,
            waves=tuple(_wave(name, rows, self.at) for name in ("canary", "rest", "last")),
            submitter="ana",
            opened_at=self.began_at,
            deadline_at=None,
            ends_at=self.at + 2 * LASTS_S,
            ticket=TICKET,
            owner="web-team",
            runbook=RUNBOOK,
            etag=f"1.{len(rows)}.{self.position}",
        )

    def snapshot(self) -> dict[str, Any]:
        """Give what a stream begins with."""
        told = {"position": self.position, "at": self.at, "rollouts": [self.head()], "services": list(self.rows())}
        return told | {"freeze": None}

    def entry(self, index: int) -> dict[str, Any]:
        """Give the newest change of a service as a live event."""
        row = self.row(index)
        told = TimelineEntry(
            position=self.position,
            at=self.at,
            t=self.at - self.began_at,
            stream=f"{ROLLOUT}/{row.service}#1",
            rollout=ROLLOUT,
            service=row.service,
            version=row.version,
            actor="engine",
            kind="settled",
            sentence=row.sentence,
            milestone=False,
        )
        return {**msgspec.to_builtins(told), "row": row}

    def _begun(self, index: int, services: int) -> int:
        """Let the first half have ended, the next quarter be under way, and the last one wait."""
        step = round((3 / 4 - index / services) * 4 * self._last)
        return min(max(step, 0), self.domains if self._fails(index) else self._last)

    def _fails(self, index: int) -> bool:
        return index % FAILS_EVERY == FAILS_AT


def _wave(name: str, all_rows: list[ServiceView], at: float) -> WaveView:
    rows = [row for row in all_rows if row.wave == name]
    groups = Counter(row.group for row in rows)
    begun, ended = groups["queued"] < len(rows), groups["done"] == len(rows)
    ends_s = LASTS_S if begun else 2 * LASTS_S
    return WaveView(
        name=name,
        state="was watched" if ended else "open" if begun else "not open",
        services=len(rows),
        done=groups["done"],
        ended=groups["done"],
        in_flight=groups["in flight"] + groups["failed"],
        failed=groups["failed"],
        max_parallel=max(len(rows), 1),
        failure_tolerance=20,
        eta_s=None if ended else ends_s,
        opens_at=None if begun else at + LASTS_S,
        ends_at=None if ended else at + ends_s,
    )
