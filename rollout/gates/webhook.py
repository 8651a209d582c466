"""The check `webhook`: a service of the people's own is told what is judged, signed, and answers with its verdict."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from rollout.core.check_plan import CheckPlan, WebhookSource
from rollout.core.event import Evidence
from rollout.gates.check import Question, evidence, unknown
from rollout.gates.fetch import Fetcher, NoAnswer, Request
from rollout.gates.fill import filled
from rollout.gates.signature import signed
from rollout.gates.verdict import read_verdict
from rollout.settings import Secret

OK = 200


class Asked(msgspec.Struct, frozen=True):
    """The body of the question."""

    check: str
    rollout: str
    service: str
    slot: str
    moment: str
    domains: tuple[int, ...]
    """Which are judged; empty = all."""


class Pen(msgspec.Struct, frozen=True):
    """What a question is signed with: a key and its name, ids that never come twice, and the time of day."""

    key: str
    secret: Secret
    fresh_id: Callable[[], str]
    wall: Callable[[], float]


@dataclass(frozen=True, slots=True)
class WebhookCheck:
    """Posts the question; any answer but 200 with a verdict is none."""

    plan: CheckPlan
    source: WebhookSource
    fetcher: Fetcher
    pen: Pen | None
    looks: bool = False

    @property
    def hook(self) -> str:
        """The URL."""
        return self.source.url

    async def ask(self, question: Question) -> Evidence:
        """Ask once, and give the answer as it is: `wait` is bounded by the gate, not here."""
        if self.pen is None:
            return unknown(self.plan, "not asked: the settings have no key to sign with (webhooks.sign_with)")
        target = question.target
        body = msgspec.json.encode(
            Asked(
                self.plan.name, question.rollout, target.service, target.slot, question.moment, tuple(question.domains)
            )
        )
        headers = signed(self.pen.key, self.pen.secret.reveal(), self.pen.fresh_id(), self.pen.wall(), body)
        answer = await self.fetcher.fetch(
            Request(
                filled(self.source.url, question),
                "POST",
                headers | {"Content-Type": "application/json"},
                body,
            )
        )
        if isinstance(answer, NoAnswer):
            return unknown(self.plan, answer.detail)
        if answer.status != OK:
            return unknown(self.plan, f"answered {answer.status}, which is no verdict")
        given = None if answer.cut else read_verdict(answer.body)
        if given is None:
            return unknown(self.plan, "answered 200 without a verdict that can be read")
        return evidence(self.plan, given.verdict, given.reason or "it gave no reason", value=str(answer.status))
