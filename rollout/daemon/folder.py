"""The policy folder: read again and again; what says `submit: auto` is submitted once it is new, the rest is offered.

A file counts only after it has been the same for one reading, so that none is taken half written. A changed policy of
a rollout that is known is refused with the difference: a running rollout keeps what it was given.
"""

import os
import pwd
import stat
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from rollout.assembly import Admitted
from rollout.core.names import RolloutId
from rollout.daemon.host import Host, digest_of
from rollout.errors import CommandRefused, PolicyError, Problem, RolloutError, UsageError
from rollout.journal.offload import Offload
from rollout.policy.bundle import Bundle
from rollout.policy.diff import diff
from rollout.policy.load import load_policy

if TYPE_CHECKING:
    from rollout.engine.clock import Clock

POLICIES_MAX: Final = 200
"""Policies in one folder; those that come after them by name are not read, and that is said."""
FILES_MAX: Final = 5_000
"""Files below the folder that are looked at for changes."""
RETRY_S: Final = 60.0
"""How long a submission that failed for the world's sake is left alone."""
SUFFIXES: Final = frozenset({".yaml", ".yml"})

Signature = tuple[tuple[str, int, int, int], ...]


class Submit(StrEnum):
    """Who submits a policy of the folder."""

    AUTO = "auto"
    MANUAL = "manual"


class State(StrEnum):
    """What has become of a policy in the folder."""

    OFFERED = "offered"
    """It is right, and nobody has submitted it."""
    RUNNING = "running"
    ENDED = "ended"
    """Its rollout is over."""
    REFUSED = "refused"
    """Its rollout is known with other documents, or it was submitted and not taken."""
    BROKEN = "broken"
    """It cannot be read; the problems say where."""


class Offer(msgspec.Struct, frozen=True):
    """One policy of the folder."""

    name: str
    """Its file's name."""
    state: State
    rollout: RolloutId | None = None
    digest: str = ""
    """Of everything it names; what is submitted must still have it."""
    documents: str = ""
    """Of the plan it comes to: what tells a changed policy from the same one."""
    submit: Submit = Submit.MANUAL
    problems: tuple[Problem, ...] = ()
    why: str = ""
    """Why it was refused."""
    diff: str = ""
    """Where a known rollout has other documents: what differs."""


class PolicyFolder:
    """Reads one folder for one host. `offload` does the reading, so that the loop never waits for a disk."""

    def __init__(self, folder: Path, host: Host, offload: Offload, *, every_s: float) -> None:
        self.folder = folder
        self.trouble: str | None = None
        """Why the folder as a whole cannot be read."""
        self._host = host
        self._offload = offload
        self._clock: Clock = host.works.kit.clock
        self._every_s = every_s
        self._offers: dict[str, Offer] = {}
        self._seen: Signature | None = None
        self._read: Signature | None = None
        self._tried_t: dict[str, float] = {}

    async def run(self) -> None:
        """Read for ever."""
        while True:
            await self.look()
            await self._clock.sleep_until(self._clock.now().t + self._every_s)

    async def look(self) -> None:
        """Look once: read what has changed and has come to rest, and submit what wants to be."""
        try:
            signature = await self._offload(lambda: signature_of(self.folder))
        except (OSError, UsageError) as error:
            self.trouble = (
                f"the policy folder {self.folder} cannot be used: {getattr(error, 'strerror', None) or error}"
            )
            return
        self.trouble = None
        settled, self._seen = signature == self._seen, signature
        if settled and signature != self._read:
            self._read = signature
            self._tried_t.clear()
            await self._read_all(signature)
        for offer in [each for each in self._offers.values() if self._is_other(each) and not each.diff]:
            self._offers[offer.name] = await self._offer(offer.name)
        for offer in list(self._offers.values()):
            if offer.submit is Submit.AUTO and offer.state in {State.OFFERED, State.REFUSED} and not offer.diff:
                await self._submit_by_itself(offer)

    def offered(self) -> Sequence[Offer]:
        """Give what the folder holds, by name, as it stands now."""
        return [self._now(offer) for offer in self._offers.values()]

    async def submit(self, name: str, *, actor: str, key: str = "") -> Admitted:
        """Submit a policy as it was offered. Raises UsageError, CommandRefused, and what `Host.submit` raises."""
        if (offer := self._offers.get(name)) is None:
            raise UsageError(f"there is no policy {name} in {self.folder}")
        if offer.state is State.BROKEN:
            raise PolicyError(offer.problems)
        bundle = await self._load(name)
        if digest_of(bundle) != offer.digest:
            raise CommandRefused(f"{name} has changed since it was offered: look at it again, then submit it")
        return await self._host.submit(bundle, actor=actor, key=key)

    async def _read_all(self, signature: Signature) -> None:
        names = [name for name, *_ in signature if "/" not in name and Path(name).suffix in SUFFIXES]
        offers = {}
        for name in names[:POLICIES_MAX]:
            offers[name] = await self._offer(name)
        for name in names[POLICIES_MAX:]:
            offers[name] = _broken(name, f"is one too many: {POLICIES_MAX} policies of a folder are read")
        self._offers = offers

    async def _offer(self, name: str) -> Offer:
        try:
            bundle = await self._load(name)
            compiled = self._host.works.compile(bundle)
        except PolicyError as error:
            return Offer(name, State.BROKEN, problems=error.problems)
        except RolloutError as error:
            return _broken(name, str(error))
        plan = compiled.plan
        submit = Submit(bundle.policy.submit)
        offer = Offer(name, State.OFFERED, plan.rollout, digest_of(bundle), plan.documents, submit)
        known = self._host.rollouts().get(plan.rollout)
        if known is not None and self._is_other(offer):
            before = (await self._host.journal.payload(known.plan.policy)).decode()
            why = f"{offer.rollout} is known with other documents: give the changed policy a new `rollout:` id"
            return msgspec.structs.replace(
                offer, state=State.REFUSED, why=why, diff=diff(before, compiled.policy_text) or "the files it names"
            )
        return offer

    async def _load(self, name: str) -> Bundle:
        return await self._offload(lambda: load_policy(self.folder / name, root=self.folder))

    async def _submit_by_itself(self, offer: Offer) -> None:
        """Submit in the name of the file's owner; what the world refuses is tried again after a while."""
        if self._now(offer).state in {State.RUNNING, State.ENDED}:
            return
        now_t = self._clock.now().t
        if now_t < self._tried_t.get(offer.name, -RETRY_S) + RETRY_S:
            return
        self._tried_t[offer.name] = now_t
        log = self._host.works.logger
        try:
            admitted = await self.submit(offer.name, actor=await self._offload(lambda: owner(self.folder / offer.name)))
        except (RolloutError, OSError) as error:
            self._offers[offer.name] = msgspec.structs.replace(offer, state=State.REFUSED, why=str(error))
            log.warning("policy_not_taken", name=offer.name, why=str(error))
        else:
            self._offers[offer.name] = msgspec.structs.replace(offer, state=State.OFFERED, why="")
            log.info("policy_submitted", name=offer.name, rollout=admitted.rollout, created=admitted.created)

    def _is_other(self, offer: Offer) -> bool:
        """Tell whether its rollout is known with other documents."""
        known = None if offer.rollout is None else self._host.rollouts().get(offer.rollout)
        return known is not None and known.plan.documents != offer.documents

    def _now(self, offer: Offer) -> Offer:
        """Say what has become of its rollout."""
        known = None if offer.rollout is None else self._host.rollouts().get(offer.rollout)
        if known is None or offer.state is not State.OFFERED:
            return offer
        return msgspec.structs.replace(offer, state=State.RUNNING if known.closed is None else State.ENDED)


def signature_of(folder: Path) -> Signature:
    """Tell whether anything below a folder has changed: name, size, time and inode of each file, by name.

    Links are not followed. Raises UsageError for a folder that anybody may write to, or that holds too much; OSError.
    """
    if folder.stat().st_mode & stat.S_IWOTH:
        raise UsageError("everybody may write to it, and what lies there is run: chmod o-w")
    found = []
    for place, folders, files in os.walk(folder):
        folders.sort()
        for file in files:
            path = Path(place) / file
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                found.append((str(path.relative_to(folder)), status.st_mtime_ns, status.st_size, status.st_ino))
        if len(found) > FILES_MAX:
            raise UsageError(f"it holds more than {FILES_MAX} files")
    return tuple(sorted(found))


def owner(file: Path) -> str:
    """Name the user whose file it is: whoever put it there submits it."""
    uid = file.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _broken(name: str, message: str) -> Offer:
    return Offer(name, State.BROKEN, problems=(Problem(name, 0, 0, "", message),))
