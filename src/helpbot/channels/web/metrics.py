"""What Prometheus reads. Labels are of a fixed, small set: never an id, an address or a word a user wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

__all__ = ["Metrics"]

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """One registry a server, so that two in one process do not mix."""

    def __init__(self, extra: Callable[[], Mapping[str, float]] | None = None) -> None:
        """`extra` gives gauges read at each scrape, by name: delivery lag, knowledge age, and what else is known."""
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "helpbot_http_requests_total", "Requests", ["route", "method", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "helpbot_http_seconds", "Time to the whole response", ["route"], buckets=_BUCKETS, registry=self.registry
        )
        self.answers = Counter("helpbot_answers_total", "Replies by outcome", ["outcome"], registry=self.registry)
        self.turns = Histogram(
            "helpbot_turn_seconds", "From a message to its committed reply", buckets=_BUCKETS, registry=self.registry
        )
        self.cases = Counter("helpbot_cases_opened_total", "Cases opened through the web", registry=self.registry)
        self.refused = Counter(
            "helpbot_refused_total", "Requests refused before any work", ["reason"], registry=self.registry
        )
        self.streams = Gauge("helpbot_streams", "Live streams that are open", registry=self.registry)
        self.stalled = Counter(
            "helpbot_streams_cut_total", "Streams cut because nobody read them", registry=self.registry
        )
        self.version = Gauge(
            "helpbot_knowledge_info", "The knowledge that is served", ["version"], registry=self.registry
        )
        if extra is not None:
            self.registry.register(_Extra(extra))

    def text(self) -> bytes:
        """Everything, in Prometheus's text format."""
        return generate_latest(self.registry)


class _Extra(Collector):
    def __init__(self, read: Callable[[], Mapping[str, float]]) -> None:
        self._read = read

    def collect(self) -> list[GaugeMetricFamily]:
        return [
            GaugeMetricFamily(f"helpbot_{name}", name.replace("_", " "), value=value)
            for name, value in self._read().items()
        ]

    def describe(self) -> list[GaugeMetricFamily]:
        return []
