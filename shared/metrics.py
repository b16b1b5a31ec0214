"""Prometheus metrics that all services have, and how a service shows its own.

Labels are route templates, topics and rule ids: never an id of a claim, a key or a member, which would be
PHI or grow without bound.
"""

import os
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

HTTP_REQUESTS: Final = Counter(
    "promptclaim_http_requests", "HTTP requests answered.", ["service", "method", "route", "status"]
)
HTTP_SECONDS: Final = Histogram(
    "promptclaim_http_request_seconds",
    "Time to answer an HTTP request.",
    ["service", "method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)


def exposition(service: str) -> tuple[bytes, str]:
    """The metrics of ``service`` in Prometheus text form, and the content type.

    In one process with other services (``promptclaim up``) their samples are left out, so that scraping all
    three counts nothing twice. Under several worker processes (``PROMETHEUS_MULTIPROC_DIR``) their values
    are added up.
    """
    registry: CollectorRegistry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(_OnlyOf(service, registry)), CONTENT_TYPE_LATEST


class _OnlyOf(Collector):
    def __init__(self, service: str, registry: CollectorRegistry) -> None:
        self._service = service
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        return self._metrics()

    def _metrics(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [
                sample
                for sample in metric.samples
                if sample.labels.get("service", self._service) == self._service
            ]
            yield metric
