"""What is answered for a rollout that its engine has stopped because of a mistake of the engine's own. Pure.

Nobody would do what any other word says, so one word is legal: retry of the whole rollout. Then it is taken up as by a
new start: from what is recorded, with a look at each deployment before anything is called.
"""

from typing import Final

from rollout.core.command import Ask, Verb
from rollout.core.drafts import Draft
from rollout.core.freeze_event import TriedAgain
from rollout.core.names import ENGINE_STREAM
from rollout.core.reply import Kind, Reply, Said

INSTEAD: Final = "retry of the whole rollout, or the same once the engine has been started anew"


def reply_stopped(ask: Ask, why: str) -> tuple[Reply, tuple[Draft, ...]]:
    """Answer a word to a rollout that stands still because of `why`."""
    command = ask.command
    if command.verb is Verb.RETRY and ask.service is None and not ask.services:
        text = "it is taken up again from what is recorded, and every deployment is looked at first"
        said, fact = Said(ask.rollout, Kind.ACCEPTED, text), TriedAgain(command.actor, command.reason, ask.rollout)
        return Reply(Kind.ACCEPTED, (said,), {Kind.ACCEPTED.value: 1}), ((ENGINE_STREAM, fact),)
    return Reply(Kind.REFUSED, (Said(ask.rollout, Kind.REFUSED, why, INSTEAD),), {Kind.REFUSED.value: 1}), ()
