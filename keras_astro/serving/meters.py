"""What a server counts, in Prometheus' words."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Meters:
    """Counters of one server; a registry of its own, so that several can live."""

    def __init__(self):
        self.registry = CollectorRegistry()
        common = {"registry": self.registry}
        self._requests = Counter(
            "kastro_requests",
            "Requests by door, model and outcome",
            ["door", "model", "code"],
            **common,
        )
        self._seconds = Histogram(
            "kastro_request_seconds",
            "From a request read to its answer",
            ["door", "model"],
            buckets=SECONDS,
            **common,
        )
        self._rows = Histogram(
            "kastro_batch_rows", "Rows of a batch", ["model"], buckets=ROWS, **common
        )
        self._version = Gauge(
            "kastro_model_version", "The version that answers", ["model"], **common
        )

    def answered(self, door: str, model: str, code: str, seconds: float) -> None:
        """Counts a request."""
        self._requests.labels(door, model, code).inc()
        self._seconds.labels(door, model).observe(seconds)

    def batch(self, model: str, rows: int) -> None:
        """Counts a batch."""
        self._rows.labels(model).observe(rows)

    def text(self, versions: dict[str, int]) -> bytes:
        """All counters, in the text format.

        Args:
            versions: The version that answers, by model.
        """
        for model, number in versions.items():
            self._version.labels(model).set(number)
        return generate_latest(self.registry)
