"""Requests counted by route, method and status: by the table's own paths, so that no caller makes up a label."""

from prometheus_client import CollectorRegistry, Counter, Histogram

SECONDS: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


class Requests:
    """Counters in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        names = ["method", "route", "status"]
        self._count = Counter("rolloutd_http_requests", "Requests answered.", names, registry=registry)
        self._took = Histogram(
            "rolloutd_http_seconds", "How long answers took, streams apart.", buckets=SECONDS, registry=registry
        )

    def count(self, method: str, route: str, status: int) -> None:
        """Count an answer; an unknown route or method is empty."""
        self._count.labels(method, route, str(status)).inc()

    def took(self, seconds: float) -> None:
        """Note how long an answer took."""
        self._took.observe(seconds)
