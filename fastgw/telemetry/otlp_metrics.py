"""The metrics page as OTLP (``metrics.proto``): the same families, names, labels and sums, for collectors that nobody scrapes for.

Sums are cumulative since the start of the gateway.  Names have no ``_total``: whoever offers them to Prometheus adds it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Any, Final

from fastgw.telemetry.otlp import attribute, double, fixed, number, part

CUMULATIVE: Final = 2  #: AggregationTemporality


def metrics(of: bytes, by: bytes, families: Iterable[Any], began: int, now: int) -> tuple[bytes, int]:
    """ExportMetricsServiceRequest of ``families``, as ``telemetry.metrics`` makes them, and how many data points it has.

    Args:
        of: the resource.
        by: the scope.
        began: when counting began, nanoseconds since 1970.
        now: when the families were made.
    """
    found, points = [], 0
    times = fixed(2, began) + fixed(3, now)
    for family in families:
        told, count = _histogram(family, times) if family.type == "histogram" else _numbers(family, times)
        if count:
            head = part(1, _name_of(family).encode()) + part(2, family.documentation.encode())
            found.append(part(2, head + told))
            points += count
    return part(1, part(1, of) + part(2, part(1, by) + b"".join(found))), points


def _name_of(family: Any) -> str:
    """That of its samples, but for the ending of a counter."""
    return f"{family.name}_info" if family.type == "info" else str(family.name)


def _labels(field: int, labels: Mapping[str, str]) -> bytes:
    return b"".join([attribute(field, *one) for one in labels.items() if one[0] != "le"])


def _numbers(family: Any, times: bytes) -> tuple[bytes, int]:
    points = [part(1, times + double(4, float(one.value)) + _labels(7, one.labels)) for one in family.samples]
    if family.type == "counter":
        return part(7, b"".join(points) + number(2, CUMULATIVE) + number(3, 1)), len(points)
    return part(5, b"".join(points)), len(points)


def _histogram(family: Any, times: bytes) -> tuple[bytes, int]:
    series: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
    for sample in family.samples:
        labels = {key: value for key, value in sample.labels.items() if key != "le"}
        one = series.setdefault(tuple(labels.items()), {"labels": labels, "buckets": []})
        kind = sample.name.rpartition("_")[2]
        if kind == "bucket":
            one["buckets"].append((float(sample.labels["le"]), int(sample.value)))
        else:
            one[kind] = sample.value
    return part(9, b"".join([part(1, times + _point(one)) for one in series.values()]) + number(2, CUMULATIVE)), len(
        series
    )


def _point(one: Mapping[str, Any]) -> bytes:
    """One series: on the page a bucket has what is in those before it too, here it has its own alone."""
    buckets = sorted(one["buckets"])
    below = [0, *(count for _, count in buckets)]
    counts = [count - before for (_, count), before in zip(buckets, below, strict=False)]
    bounds = [bound for bound, _ in buckets[:-1]]  # of the last it is infinite
    return (
        fixed(4, below[-1])
        + double(5, float(one.get("sum", 0.0)))
        + part(6, struct.pack(f"<{len(counts)}Q", *counts))
        + part(7, struct.pack(f"<{len(bounds)}d", *bounds))
        + _labels(9, one["labels"])
    )
