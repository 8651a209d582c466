"""What operators see of a daemon: read from its status when metrics are scraped, so it costs nothing between."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from rollout.core.names import Now, RolloutId
from rollout.core.phase import Queued
from rollout.core.service import ServiceRollout
from rollout.core.summary import summarize
from rollout.daemon.host import Host
from rollout.daemon.status import EngineStatus, status_of


class HostCollector(Collector):
    """A collector for a host's registry. `streams` counts those who follow the events."""

    def __init__(self, host: Host, streams: Callable[[], int]) -> None:
        self._host = host
        self._streams = streams

    def describe(self) -> Iterable[Metric]:
        """Name no metric beforehand: looking needs an engine at work."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Look once at everything."""
        status = status_of(self._host)
        yield from _engine(status)
        yield from _held(status)
        yield from _times(self._host)
        yield _gauge("rolloutd_event_streams", "Readers that follow the events.", self._streams())
        yield _gauge("rolloutd_ready", "1 while the daemon does all it should.", self._host.trouble() is None)


def _engine(status: EngineStatus) -> Iterator[Metric]:
    yield _gauge(
        "rolloutd_oldest_undecided_seconds",
        "For how long the step has been due that is due for longest.",
        status.undecided_s,
    )
    yield _gauge(
        "rolloutd_journal_sync_seconds", "How long the last append took to be durable.", status.journal.sync_ms / 1000
    )
    yield _gauge("rolloutd_loop_lag_seconds", "How late the loop was at worst in a minute.", status.loop_lag_worst_s)
    yield _gauge("rolloutd_rollouts_open", "Rollouts that are not over.", status.rollouts_open)
    yield _gauge(
        "rolloutd_rollouts_stopped", "Open rollouts that stand still because of a mistake of ours.", len(status.failed)
    )
    yield _gauge("rolloutd_services_in_flight", "Services begun and not ended.", status.in_flight)
    yield _gauge("rolloutd_followed", "Operations and deployments that are asked about.", status.followed)
    used = GaugeMetricFamily("rolloutd_cap_used", "How much of something is under way.", labels=["scope", "what"])
    limit = GaugeMetricFamily("rolloutd_cap_limit", "How much of something may be under way.", labels=["scope", "what"])
    for cap in status.caps:
        used.add_metric([cap.scope, cap.what], cap.used)
        limit.add_metric([cap.scope, cap.what], cap.limit)
    yield used
    yield limit


def _held(status: EngineStatus) -> Iterator[Metric]:
    holds = GaugeMetricFamily("rolloutd_holds", "Services held, by reason.", labels=["reason"])
    for reason, count in status.holds.items():
        holds.add_metric([reason], count)
    yield holds
    yield _gauge("rolloutd_services_for_people", "Services that only a person moves on.", status.for_people)


def _times(host: Host) -> Iterator[Metric]:
    """Tell the time in which services of open rollouts were under way from that in which they waited for people."""
    progress = GaugeMetricFamily(
        "rolloutd_progress_seconds",
        "Time under way of an open rollout's services, without waits.",
        labels=["rollout"],
    )
    waiting = GaugeMetricFamily(
        "rolloutd_waiting_seconds", "Time for which these services waited for people or windows.", labels=["rollout"]
    )
    now = host.now()
    for rollout, state in host.rollouts().items():
        if state.closed is None:
            found = [spent_s(each, now) for each in host.services(RolloutId(rollout)).values()]
            progress.add_metric([rollout], sum(went_s for went_s, _ in found))
            waiting.add_metric([rollout], sum(waited_s for _, waited_s in found))
    yield progress
    yield waiting


def spent_s(state: ServiceRollout, now: Now) -> tuple[float, float]:
    """Give the seconds since a service was begun: under way, and waiting for people, windows, freezes or approvals."""
    if state.started_t is None or isinstance(state.phase, Queued):
        return 0.0, 0.0
    until_t = state.phase_since_t if state.ended is not None else now.t
    waited_s = state.paused_s
    if state.ended is None:
        since_t = state.withheld_since_t
        if since_t is None and summarize(state, now).for_person:
            since_t = state.phase_since_t
        waited_s += 0.0 if since_t is None else now.t - since_t
    return max(until_t - state.started_t - waited_s, 0.0), waited_s


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=float(value))
