"""What is told of the admission of services."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from fastgw.core import counters
from fastgw.server.admission_status import admission_document, admission_limits
from tests.unit.config.files import read, with_service

KEYS = "admission: {limit: {adaptive: {}}, priority: {key: '${header.p}', classes: [high, low]}}"


def test_the_limit_is_that_of_any_worker(tmp_path: Any) -> None:
    spec = read(tmp_path, with_service(KEYS))
    slabs = [[0] * counters.SLAB_VALUES for _ in range(2)]
    slabs[1][counters.SERVICE.base(3) + counters.SERVICE_LIMIT] = 9
    slots = SimpleNamespace(services={"a": 3})
    gateway: Any = SimpleNamespace(current=SimpleNamespace(spec=spec, slots=slots), slabs=slabs)
    assert admission_limits(gateway) == {"a": 9}
    gateway.current = None
    assert admission_limits(gateway) == {}


def test_of_one_service(tmp_path: Any) -> None:
    (service,) = read(tmp_path, with_service(KEYS)).services
    block = [0] * counters.SERVICE.size
    block[counters.SERVICE_PLACES], block[counters.SERVICE_QUEUED] = 2, 3
    block[counters.SERVICE_SHED + 2] = block[counters.SERVICE_SHED_CLASSES + 1] = 7
    assert admission_document(service, block, {"a": 9}) == {
        "limit": 9,
        "adaptive": True,
        "places": 2,
        "queued": 3,
        "shed": {"over_limit": 0, "queue_full": 0, "queue_timeout": 7, "worker_busy": 0},
        "shed_by_class": {"high": 0, "low": 7},
    }
    (plain,) = read(tmp_path, with_service("host: preserve")).services
    assert admission_document(plain, block, {}) is None
