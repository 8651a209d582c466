"""What operators see of pacing: read from pacer and tracker when metrics are scraped, so it costs nothing between."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from rollout.engine.pacer import Pacer
from rollout.engine.tracker import Tracker


class PacingCollector(Collector):
    """A collector for one registry; it keeps nothing itself."""

    def __init__(self, pacer: Pacer, tracker: Tracker) -> None:
        self._pacer = pacer
        self._tracker = tracker

    def describe(self) -> Iterable[Metric]:
        """Name no metric beforehand: which scopes there are shows only at run time."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Read how every scope stands, and what was asked so far."""
        names = ["scope", "kind"]
        rate = GaugeMetricFamily("rolloutd_pacer_rate", "Permits per second, as last learned.", labels=names)
        waiting = GaugeMetricFamily("rolloutd_pacer_waiting", "Who waits for a permit.", labels=[*names, "lane"])
        throttled = CounterMetricFamily("rolloutd_pacer_throttled", "Throttled answers.", labels=names)
        repeats = CounterMetricFamily("rolloutd_pacer_retries", "Calls that repeated a failed one.", labels=names)
        breaker = GaugeMetricFamily(
            "rolloutd_pacer_breaker_open", "1 while the endpoint is only tried, call by call.", labels=names
        )
        for each in self._pacer.standings():
            scope = [each.scope, each.kind.value]
            rate.add_metric(scope, each.rate)
            throttled.add_metric(scope, each.throttles)
            repeats.add_metric(scope, each.repeats)
            breaker.add_metric(scope, float(each.breaker_open))
            for lane, count in each.waiting.items():
                waiting.add_metric([*scope, lane.name.lower()], count)
        yield from (rate, waiting, throttled, repeats, breaker)
        late = GaugeMetricFamily(
            "rolloutd_poll_lag_seconds", "How late the question is that has waited longest.", labels=["scope"]
        )
        for name, late_s in self._tracker.late_s().items():
            late.add_metric([name], late_s)
        yield late
        yield CounterMetricFamily("rolloutd_polls", "Questions about operations.", value=self._tracker.polls)
        yield CounterMetricFamily("rolloutd_pages", "Pages of listings.", value=self._tracker.pages)
        yield CounterMetricFamily("rolloutd_looks", "Looks at deployments.", value=self._tracker.looks)
