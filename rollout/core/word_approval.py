"""What people say to approvals: yes, no, ask again. Nobody approves what he submitted, nor a plan he has not seen."""

from collections.abc import Mapping

import msgspec

from rollout.core import fleet_event
from rollout.core.approvals import DIGEST_CHARS_MIN, Owed, Standing, asked, plan_digest, standing
from rollout.core.command import Command, Verb
from rollout.core.fleet_state import RolloutState
from rollout.core.names import Now

Groups = Mapping[str, tuple[str, ...]]
"""Group -> who is in it, from the settings."""


class Spoken(msgspec.Struct, frozen=True):
    """One answer: what it is about, the fact that makes it so or None = refused, and the words for it."""

    about: str
    fact: fleet_event.FleetFact | None
    text: str
    instead: str = ""


def answer_approval(rollout: RolloutState, command: Command, groups: Groups, now: Now) -> list[Spoken]:
    """Answer an approve or a reject for each approval that waits, or for the one of a wave."""
    waiting = [owed for owed in asked(rollout) if standing(rollout, owed, now) in {Standing.PENDING, Standing.EXPIRED}]
    if command.wave is not None:
        waiting = [owed for owed in waiting if owed.scope == command.wave]
    if not waiting:
        about = f"wave {command.wave}" if command.wave is not None else rollout.plan.rollout
        return [Spoken(about, None, "it waits for no approval now", "`rollout why` says what it waits for")]
    return [_answer(rollout, owed, command, groups, now) for owed in waiting]


def _answer(rollout: RolloutState, owed: Owed, command: Command, groups: Groups, now: Now) -> Spoken:
    about = f"wave {owed.scope}" if owed.scope else str(rollout.plan.rollout)
    digest, who = plan_digest(rollout.plan), command.actor
    if who not in groups.get(owed.plan.by, ()):
        return Spoken(about, None, f"{who} is not in group {owed.plan.by} of the settings", "somebody who is")
    if command.verb is Verb.REJECT:
        fact = fleet_event.Rejected(owed.scope, who, command.reason)
        return Spoken(about, fact, "rejected: no later wave starts until a resume asks again")
    if who == rollout.plan.submitter:
        why = f"{who} submitted it, and nobody approves what is his own"
        return Spoken(about, None, why, f"somebody else of group {owed.plan.by}")
    if len(command.plan) < DIGEST_CHARS_MIN or not digest.startswith(command.plan):
        given = command.plan[:DIGEST_CHARS_MIN] or "nothing"
        short = digest[:DIGEST_CHARS_MIN]
        return Spoken(about, None, f"the plan is {short}, and not {given}", f"look at it again, then --plan {short}")
    if standing(rollout, owed, now) is Standing.EXPIRED:
        return Spoken(about, None, "it was not given in time", "resume, which asks again, and then the same")
    return Spoken(about, fleet_event.Approved(owed.scope, who, command.reason), "approved")


def asked_again(rollout: RolloutState, now: Now) -> list[fleet_event.FleetFact]:
    """Give what a resume asks for anew: what was not answered in time, or with no."""
    digest = plan_digest(rollout.plan)
    lapsed = {Standing.EXPIRED, Standing.REJECTED}
    return [
        fleet_event.ApprovalAsked(owed.scope, owed.plan.by, now.wall + owed.plan.within_s, digest)
        for owed in asked(rollout)
        if standing(rollout, owed, now) in lapsed
    ]
