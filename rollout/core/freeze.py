"""A freeze: a person's word that nothing is begun anywhere, in the engine's own stream. Going back is beyond it."""

import msgspec
from msgspec.structs import replace

from rollout.core.command import Answer, Command, NoOp, Refused, Told, Verb
from rollout.core.event import Entry
from rollout.core.evolve import IllegalFact
from rollout.core.freeze_event import Frozen, Restored, SentAgain, TriedAgain, Unfrozen
from rollout.core.names import Now


class Freeze(msgspec.Struct, frozen=True):
    """Nothing is begun, and with `domains` no service under way goes further."""

    who: str
    note: str
    since_wall: float
    domains: bool = False
    until_wall: float | None = None


class EngineState(msgspec.Struct, frozen=True):
    """Everything the engine's own stream says."""

    version: int = 0
    frozen: Freeze | None = None
    quiet_until_t: float = 0.0
    """Until this engine second nothing is called: the state is a restored one, whose old host's calls may arrive."""

    def said(self, now: Now) -> str:
        """Say why nothing is called at all; empty where that is not so."""
        left_s = self.quiet_until_t - now.t
        return f"a restored state: nothing is called for {left_s:.0f} s more" if left_s > 0 else ""

    def freeze_at(self, now: Now) -> Freeze | None:
        """Give the freeze that holds now."""
        if self.frozen is None or (self.frozen.until_wall is not None and now.wall >= self.frozen.until_wall):
            return None
        return self.frozen


NO_FREEZE = EngineState()


def evolve_engine(state: EngineState | None, entry: Entry) -> EngineState:
    """Give the engine's state after `entry`. Raises IllegalFact, and then nothing changed."""
    before = state or NO_FREEZE
    after = replace(before, version=entry.version)
    match entry.fact:
        case Frozen(who=who, note=note, domains=domains, until_wall=until_wall) if entry.version == before.version + 1:
            return replace(after, frozen=Freeze(who, note, entry.now.wall, domains, until_wall))
        case Unfrozen() if entry.version == before.version + 1 and before.frozen is not None:
            return replace(after, frozen=None)
        case Restored(quarantine_s=quarantine_s) if entry.version == before.version + 1:
            return replace(after, quiet_until_t=max(before.quiet_until_t, entry.now.t + quarantine_s))
        case SentAgain() | TriedAgain() if entry.version == before.version + 1:
            return after
        case _:
            raise IllegalFact(f"{entry.stream} version {entry.version}: {entry.fact!r} cannot follow {before.version}")


def answer_freeze(state: EngineState, command: Command, now: Now) -> tuple[Frozen | Unfrozen | None, Answer]:
    """Answer a freeze or an unfreeze: the fact, if one makes it so, and the words."""
    held = state.freeze_at(now)
    if command.verb is Verb.UNFREEZE:
        if state.frozen is None:
            return None, NoOp("nothing is frozen")
        return Unfrozen(command.actor, command.reason), Told((), "what waited for it begins")
    if command.until_wall is not None and command.until_wall <= now.wall:
        return None, Refused("that time is over already", "a later --for")
    wanted = Frozen(command.actor, command.reason, command.domains, command.until_wall)
    if held is not None and (held.domains, held.until_wall) == (wanted.domains, wanted.until_wall):
        return None, NoOp(f"it is frozen already, by {held.who}: {held.note}")
    goes = "no service goes further" if command.domains else "services under way go on"
    return wanted, Told((), f"nothing is begun until an unfreeze; {goes}, and going back is never frozen")
