"""Words to a rollout or its services: which are legal now and why the rest is not; and how one is said."""

from typing import Annotated, Any, Final, Literal

import msgspec
from aiohttp import hdrs, web
from pydantic import Field, StringConstraints

from rollout.core.approvals import plan_digest
from rollout.core.caring import needy
from rollout.core.command import FOR_ROLLOUTS, FOR_SERVICES, Ask, Command, Verb
from rollout.core.ending import Claim, Outcome
from rollout.core.names import ServiceName
from rollout.core.word_amend import amendment
from rollout.daemon.auth.role import Role, covers
from rollout.daemon.http.desk import Desk
from rollout.daemon.http.handlers.bundles import BundleBody, load
from rollout.daemon.http.handlers.reverting import revert
from rollout.daemon.http.handlers.submitting import DryQuery
from rollout.daemon.http.handlers.words import Key, Name, Reason, key_of, recorded, say, told
from rollout.daemon.http.problem import Refused
from rollout.daemon.http.route import Answer, Asked, Body
from rollout.views.choosing import Selection, chosen
from rollout.views.head import etag_of
from rollout.views.reading import Read

SERVICES_SHOWN_MAX: Final = 50
FLAGS: Final = {
    "accept_red": {Verb.ADVANCE},
    "past_no_return": {Verb.ADVANCE},
    "resolve_as": {Verb.RESOLVE},
    "force": {Verb.RESOLVE},
    "take_over": {Verb.ROLLBACK},
    "including_finished": {Verb.ABORT},
    "release": {Verb.CLAIM},
    "plan": {Verb.APPROVE, Verb.REJECT, Verb.AMEND},
    "bundle": {Verb.AMEND},
}
"""Which words each of them goes with."""
DESTRUCTIVE: Final = frozenset({Verb.ABORT, Verb.ROLLBACK, Verb.EXCLUDE, Verb.RESOLVE})
"""No other word undoes what these do; for several services at once the caller has to say how many they are."""


REVERT: Final = "revert"
"""No word in a rollout's stream: a new rollout that takes an ended one back."""
VERBS: Final = (*(verb.value for verb in Verb if verb in FOR_ROLLOUTS | FOR_SERVICES), REVERT)


class ActionBody(Body):
    """A word, whom it is for, and why."""

    verb: Literal[tuple(VERBS)]  # type: ignore[valid-type] # the table of words itself
    reason: Reason
    service: Name | None = None
    wave: Name | None = None
    select: Annotated[str, StringConstraints(min_length=1, max_length=2_000)] | None = None
    phase: Name | None = None
    key: Key | None = None
    confirm_count: Annotated[int, Field(ge=1, le=100_000)] | None = None
    accept_red: Annotated[
        list[Annotated[str, StringConstraints(max_length=200)]], Field(max_length=50, default_factory=list)
    ]
    past_no_return: bool = False
    resolve_as: Literal["succeeded", "rolled_back", "failed", "left"] | None = None
    force: bool = False
    take_over: bool = False
    including_finished: bool = False
    release: bool = False
    """It is handed back (claim)."""
    plan: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{1,64}$")] = ""
    bundle: BundleBody | None = None
    partial: bool = False
    """What cannot be taken back is left out (revert)."""


class _Meant(msgspec.Struct, frozen=True):
    """Whom a word is for."""

    service: ServiceName | None
    some: tuple[ServiceName, ...] | None
    """These of the rollout's services; None = it, or all of them."""
    concerned: tuple[ServiceName, ...]
    """Whose state it may change."""


async def act(desk: Desk, asked: Asked[DryQuery, ActionBody]) -> Answer:
    """Say a word; answered once for each key."""
    if asked.body.verb == REVERT:
        return await revert(desk, asked)
    body, verb = asked.body, Verb(asked.body.verb)
    _refuse_role(asked, verb)
    _refuse_flags(body, verb)
    read = await desk.recall(asked.names["rollout"])
    _refuse_changed(asked.request, read)
    meant = _meant(read, body, verb)
    key = key_of(body.key, asked.key)
    known = await recorded(desk, key)
    if known is not None and meant.some is not None:
        return told(known, key=key)  # since then others may be selected
    command, differs = await _command(desk, asked, read, verb, key=key)
    ask = Ask(read.rollout.plan.rollout, meant.service, command, meant.some or ())
    if asked.query.dry_run == "1":
        weighed = desk.host.weigh(ask)
        return Answer(
            {
                "count": len(meant.concerned),
                "services": meant.concerned[:SERVICES_SHOWN_MAX],
                "told": differs,
                "kind": weighed.kind,
                "said": weighed.said,
                "counts": weighed.counts,
            }
        )
    if known is None:
        _confirm(body, verb, len(meant.concerned))
    return await say(desk, ask)


# --- whether, and for whom ---


def _refuse_role(asked: Asked[DryQuery, ActionBody], verb: Verb) -> None:
    needed = role_of(verb)
    if not covers(asked.person.roles, needed):
        raise Refused(403, f"{verb} is for an {needed}, and {asked.person.name} is {', '.join(asked.person.roles)}")


def _refuse_changed(request: web.Request, read: Read) -> None:
    """Hold a caller to what they looked at: If-Match names a head's `etag`."""
    named = [each.strip().removeprefix("W/").strip('"') for each in request.headers.get(hdrs.IF_MATCH, "*").split(",")]
    if "*" not in named and etag_of(read) not in named:
        raise Refused(412, "it has changed since it was looked at", instead="look again, and then the same")


def role_of(verb: Verb) -> Role:
    """Give the role that a word needs."""
    return Role.APPROVER if verb in {Verb.APPROVE, Verb.REJECT} else Role.OPERATOR


def _refuse_flags(body: ActionBody, verb: Verb) -> None:
    wrong = [name for name, verbs in FLAGS.items() if getattr(body, name) and verb not in verbs]
    wrong += ["partial"] if body.partial else []
    if wrong:
        raise Refused(400, f"`{wrong[0]}` does not go with {verb}", errors=[_fault(wrong[0], "not with this verb")])
    if verb is Verb.RESOLVE and body.resolve_as is None:
        raise Refused(
            400, "resolve needs `resolve_as`", errors=[_fault("resolve_as", "succeeded, rolled_back, failed or left")]
        )
    if verb is Verb.AMEND and body.bundle is None:
        raise Refused(400, "amend needs `bundle`", errors=[_fault("bundle", "the changed policy and its files")])
    selects = [name for name in ("wave", "select", "phase") if getattr(body, name) is not None]
    if body.service is not None and selects:
        raise Refused(400, f"`service` and `{selects[0]}` both say whom it is for: give one of them")
    if verb in FOR_ROLLOUTS and [
        name for name in selects if not (name == "wave" and verb in {Verb.APPROVE, Verb.REJECT})
    ]:
        raise Refused(400, f"{verb} is for a whole rollout, not for some of its services")


def _meant(read: Read, body: ActionBody, verb: Verb) -> _Meant:
    if body.service is not None:
        name = ServiceName(body.service)
        return _Meant(name, None, (name,))
    if verb in FOR_ROLLOUTS:
        return _Meant(None, None, _of_rollout(read, body, verb))
    if body.wave is None and body.select is None and body.phase is None:
        return _Meant(None, None, _open(read, list(read.services), verb))
    names = chosen(read, Selection(body.wave, body.select, body.phase))
    if not names:
        raise Refused(409, "no service of the rollout is selected by that", instead="GET with the same selection")
    return _Meant(None, tuple(names), _open(read, names, verb))


def _open(read: Read, names: list[ServiceName], verb: Verb) -> tuple[ServiceName, ...]:
    if verb is Verb.CLAIM:
        return needy({name: read.services[name] for name in names}, read.now)
    return tuple(name for name in names if verb is Verb.RETRY or read.services[name].ended is None)


def _of_rollout(read: Read, body: ActionBody, verb: Verb) -> tuple[ServiceName, ...]:
    if verb is not Verb.ABORT:
        return tuple(name for name, state in read.services.items() if state.ended is None)
    return tuple(
        name
        for name, state in read.services.items()
        if state.ended is None or (body.including_finished and state.ended.outcome is Outcome.SUCCEEDED)
    )


def _confirm(body: ActionBody, verb: Verb, count: int) -> None:
    """Have whoever means several services say how many, where no other word undoes it."""
    if body.confirm_count is None and (verb not in DESTRUCTIVE or count <= 1):
        return
    if body.confirm_count != count:
        said = "nobody said how many" if body.confirm_count is None else f"{body.confirm_count} were expected"
        raise Refused(
            409, f"{verb} concerns {count} services, and {said}", count=count, instead=f"confirm_count: {count}"
        )


async def _command(
    desk: Desk, asked: Asked[DryQuery, ActionBody], read: Read, verb: Verb, *, key: str
) -> tuple[Command, tuple[str, ...]]:
    body = asked.body
    command = Command(
        key,
        verb,
        asked.person.name,
        body.reason,
        accept_red=tuple(body.accept_red),
        past_no_return=body.past_no_return,
        resolve_as=None if body.resolve_as is None else Claim(body.resolve_as),
        force=body.force,
        take_over=body.take_over,
        including_finished=body.including_finished,
        release=body.release,
        wave=body.wave if verb in {Verb.APPROVE, Verb.REJECT} else None,
        plan=body.plan,
    )
    if body.bundle is None:
        return command, ()
    compiled = desk.host.works.compile(await load(body.bundle))
    plans = {name: state.plan for name, state in read.services.items()}
    if compiled.plan.rollout != read.rollout.plan.rollout:
        raise Refused(409, f"the policy is that of {compiled.plan.rollout}")
    wanted, differs = amendment(read.rollout.plan, plans, compiled)
    if wanted is None:
        raise Refused(
            409,
            f"a rollout can be amended in timing, health and caps only; this also changes {'; '.join(differs)}",
            instead="a new `rollout:` id",
        )
    if asked.query.dry_run == "0":
        await desk.host.journal.put(compiled.policy_text.encode())
    plan = body.plan or plan_digest(read.rollout.plan)
    return msgspec.structs.replace(command, amendment=wanted, plan=plan), differs


def _fault(name: str, message: str) -> dict[str, Any]:
    return {"pointer": f"/{name}", "message": message}
