"""The check `metric`: numbers of a Prometheus server within bounds, or the walked domains' like all others'."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from rollout.core.check_plan import CheckPlan, MetricSource
from rollout.core.event import Evidence, Verdict
from rollout.core.snapshot import Instance, Snapshot
from rollout.gates.check import Question, evidence, unknown
from rollout.gates.fill import filled
from rollout.gates.mann_whitney import p_larger
from rollout.gates.prometheus import Prometheus, Query, Series, Unanswered

OPERATORS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
P_MAX: Final = 0.05
"""A difference more likely to be chance than this is none."""
SAMPLES_MIN: Final = 4
"""Fewer numbers on either side cannot be told from chance at that level."""


@dataclass(frozen=True, slots=True)
class MetricCheck:
    """Asks one query and judges every series that is about the service."""

    plan: CheckPlan
    source: MetricSource
    servers: Prometheus
    hook: str = ""
    """Most who ask share an answer, so what is bounded is the queries, and not those who wait for one."""

    @property
    def looks(self) -> bool:
        """Whether it matters which domain a number comes from."""
        return not self.source.operator

    async def ask(self, question: Question) -> Evidence:
        """Ask, or share an answer no older than an interval. No data is no evidence."""
        source = self.source
        query = Query(source.server, filled(source.query, question), source.range_s, source.step_s)
        result = await self.servers.ask(query, since_t=question.since_t, interval_s=question.interval_s)
        if isinstance(result, Unanswered):
            return unknown(self.plan, result.detail)
        series = self._ours(result, question)
        if not series:
            return unknown(self.plan, "the query has no data" + (" for this service" if source.service_label else ""))
        if source.operator:
            return self._within_bound(series)
        seen = await question.look()
        if not isinstance(seen, Snapshot):
            return unknown(self.plan, "nobody can say which instances have been walked")
        return self._compared(series, seen.instances, question)

    def _ours(self, series: Sequence[Series], question: Question) -> list[Series]:
        label = self.source.service_label
        if label is None:
            return list(series)
        return [each for each in series if each.labels.get(label) == question.target.service]

    def _within_bound(self, series: Sequence[Series]) -> Evidence:
        """Judge the newest number of every series; one that is out of bounds is enough."""
        source = self.source
        within, threshold = OPERATORS[source.operator], f"{source.operator} {source.bound:g}"
        wrong = [each for each in series if not within(each.values[-1], source.bound)]
        shown = (wrong or series)[0]
        value = f"{shown.values[-1]:g}"
        if not wrong:
            return evidence(self.plan, Verdict.PASS, f"{value} is {threshold}", value=value, threshold=threshold)
        more = f" ({len(wrong)} of {len(series)} series)" if len(series) > 1 else ""
        detail = f"{value} is not {threshold}{more}{_named(shown)}"
        return evidence(self.plan, Verdict.FAIL, detail, value=value, threshold=threshold)

    def _compared(self, series: Sequence[Series], instances: Sequence[Instance], question: Question) -> Evidence:
        """Hold the numbers of the walked domains against all others: a rank test, and a least difference."""
        domain_of = _domains(instances)
        walked, others = list[float](), list[float]()
        for each in series:
            domain = self._domain(each, domain_of)
            if domain is not None:
                (walked if domain in question.domains else others).extend(each.values)
        if len(walked) < SAMPLES_MIN or len(others) < SAMPLES_MIN:
            few = f"{len(walked)} numbers of walked and {len(others)} of other domains"
            return unknown(self.plan, f"{few} are too few to compare")
        ours, theirs = median(walked), median(others)
        sign = 1.0 if self.source.worse == "higher" else -1.0
        p = p_larger([sign * each for each in walked], [sign * each for each in others])
        worse_by = sign * (ours - theirs)
        least = self.source.min_effect * abs(theirs)
        value, threshold = f"median {ours:g}, p {p:.3g}", f"median {theirs:g}, {self.source.min_effect:.0%} worse"
        if p <= P_MAX and worse_by > 0 and worse_by >= least:
            detail = f"walked domains are worse than the others: median {ours:g} against {theirs:g} (p {p:.3g})"
            return evidence(self.plan, Verdict.FAIL, detail, value=value, threshold=threshold)
        detail = f"walked domains are like the others: median {ours:g} against {theirs:g} (p {p:.3g})"
        return evidence(self.plan, Verdict.PASS, detail, value=value, threshold=threshold)

    def _domain(self, series: Series, domain_of: Mapping[str, int]) -> int | None:
        label = series.labels.get(self.source.domain_label, "")
        if self.source.domain_label == "domain":
            return int(label) if label.isdecimal() else None
        return domain_of.get(label, domain_of.get(label.rpartition(":")[0]))


def _domains(instances: Sequence[Instance]) -> dict[str, int]:
    """Give the domain by each name an instance may have in a label."""
    known = [(name, each.domain) for each in instances for name in (each.name, each.address) if name]
    return {name: domain for name, domain in known if domain is not None}


def _named(series: Series) -> str:
    labels = ", ".join(f"{name}={value}" for name, value in sorted(series.labels.items()) if name != "__name__")
    return f" at {labels}" if labels else ""
