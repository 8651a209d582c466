"""The check `http`: a URL answers as a healthy service does, asked once or once for each instance in scope."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from rollout.core.check_plan import CheckPlan, HttpSource, Scope
from rollout.core.event import Evidence, Verdict
from rollout.core.outcome import Unreachable
from rollout.core.snapshot import Absent, Snapshot
from rollout.gates.check import Question, evidence, unknown
from rollout.gates.fetch import Answer, Fetcher, NoAnswer, Request
from rollout.gates.fill import filled
from rollout.gates.json_path import value_at
from rollout.policy.placeholders import used

INSTANCES_AT_ONCE = 16
"""Instances of one service asked at the same time."""


class _Said(msgspec.Struct, frozen=True):
    """What one answer came to."""

    verdict: Verdict
    detail: str
    value: str = ""
    threshold: str = ""


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """Asks a URL; with `{instances}` in it, every instance in scope has to be well."""

    plan: CheckPlan
    source: HttpSource
    fetcher: Fetcher

    @property
    def hook(self) -> str:
        """The URL as the plan has it: its instances are one hook."""
        return self.source.url

    @property
    def looks(self) -> bool:
        """Whether the instances' addresses are wanted."""
        return "instances" in used(self.source.url)

    async def ask(self, question: Question) -> Evidence:
        """Ask, every instance at once where it is about instances; the worst answer counts."""
        if not self.looks:
            return self._told(await self._ask(filled(self.source.url, question)))
        match await question.look():
            case Snapshot(instances=instances):
                asked = question.instances(self.plan.scope, instances)
            case Absent(detail=detail):
                return evidence(self.plan, Verdict.FAIL, f"there is no deployment: {detail}")
            case Unreachable(detail=detail):
                return unknown(self.plan, f"nobody can say where the instances are: {detail}")
        if not asked:
            where = "the domain" if self.plan.scope is Scope.DOMAIN else "the service"
            return evidence(self.plan, Verdict.PASS, f"{where} has no instances")
        if nameless := [each.name for each in asked if not each.address]:
            return unknown(self.plan, f"the platform shows no address of {', '.join(nameless[:3])}")
        said: dict[str, _Said] = {}
        gate = asyncio.Semaphore(INSTANCES_AT_ONCE)

        async def one(name: str, url: str) -> None:
            async with gate:
                said[name] = await self._ask(url)

        async with asyncio.TaskGroup() as group:
            for each in asked:
                url = filled(self.source.url, question, instance=_bracketed(each.address))
                group.create_task(one(each.name, url), name=f"check {self.plan.name} of {each.name}")
        return self._worst(said)

    async def _ask(self, url: str) -> _Said:
        """Ask so many times, one after another; the first answer that is not well counts, else the last."""
        source = self.source
        said = _Said(Verdict.UNKNOWN, "not asked")
        for _ in range(source.samples):
            match await self.fetcher.fetch(Request(url, source.method, source.headers)):
                case NoAnswer(detail=detail, down=down):
                    return _Said(Verdict.FAIL if down else Verdict.UNKNOWN, detail)
                case Answer() as answer:
                    said = self._judge(answer)
            if said.verdict is not Verdict.PASS:
                return said
        return said

    def _judge(self, answer: Answer) -> _Said:
        source = self.source
        wanted = ", ".join(map(str, source.statuses))
        if answer.status not in source.statuses:
            hop = ", and redirects are not followed" if 300 <= answer.status < 400 else ""  # noqa: PLR2004 - 3xx
            return _Said(Verdict.FAIL, f"answered {answer.status}{hop}", str(answer.status), wanted)
        if answer.cut:
            return _Said(Verdict.UNKNOWN, f"says more than {len(answer.body) >> 10} KiB, which nobody reads")
        if source.latency_s is not None and answer.took_s > source.latency_s:
            took, most = f"{answer.took_s:.3f} s", f"<= {source.latency_s:g} s"
            return _Said(Verdict.FAIL, f"answered {answer.status} after {took}", took, most)
        if source.contains is not None and source.contains.encode() not in answer.body:
            return _Said(Verdict.FAIL, f"answered {answer.status} without {source.contains!r}", "", source.contains)
        if source.fields and (wrong := _wrong_field(answer.body, source.fields)):
            return wrong
        return _Said(Verdict.PASS, f"answered {answer.status} in {answer.took_s:.3f} s", str(answer.status), wanted)

    def _told(self, said: _Said) -> Evidence:
        return evidence(self.plan, said.verdict, said.detail, value=said.value, threshold=said.threshold)

    def _worst(self, said: Mapping[str, _Said]) -> Evidence:
        for verdict in (Verdict.FAIL, Verdict.UNKNOWN):
            bad = {name: each for name, each in sorted(said.items()) if each.verdict is verdict}
            if bad:
                name, first = next(iter(bad.items()))
                more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
                detail = f"{len(bad)} of {len(said)} instances: {name} {first.detail}{more}"
                return evidence(self.plan, verdict, detail, value=first.value, threshold=first.threshold)
        any_ = next(iter(said.values()))
        detail = f"all {len(said)} instances answered well"
        return evidence(self.plan, Verdict.PASS, detail, value=any_.value, threshold=any_.threshold)


def _wrong_field(body: bytes, fields: Mapping[str, str]) -> _Said | None:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return _Said(Verdict.FAIL, "what it says is no JSON")
    for path, wanted in fields.items():
        value = value_at(document, path)
        if value != wanted:
            found = "nothing" if value is None else repr(value)
            return _Said(Verdict.FAIL, f"{path} is {found}, not {wanted!r}", value or "", wanted)
    return None


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
