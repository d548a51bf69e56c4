"""What inference engines say of themselves on their pages of metrics, by the names that each has for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

GOOD_FOR: Final = 3  #: intervals between two looks, for which what was read is believed


class MetricNames(NamedTuple):
    """The metrics of one kind of engine; of several names the first that is on the page counts."""

    running: tuple[str, ...]
    waiting: tuple[str, ...]
    usage: tuple[str, ...]  #: of the memory for keys and values, 0 to 1


KINDS: Final[Mapping[str, MetricNames]] = {
    "vllm": MetricNames(
        ("vllm:num_requests_running",),
        ("vllm:num_requests_waiting",),
        ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"),  # the second before 0.10
    ),
    "sglang": MetricNames(("sglang:num_running_reqs",), ("sglang:num_queue_reqs",), ("sglang:token_usage",)),
    "tgi": MetricNames(("tgi_batch_current_size",), ("tgi_queue_size",), ()),
    "triton": MetricNames((), ("nv_inference_pending_request_count",), ()),
    # Newer ones do not tell what is used of the cache.
    "llamacpp": MetricNames(
        ("llamacpp:requests_processing",), ("llamacpp:requests_deferred",), ("llamacpp:kv_cache_usage_ratio",)
    ),
}
AUTO: Final = "auto"  #: any of them


def known(kind: str) -> tuple[str, ...]:
    """The metrics of a kind, or of all."""
    kinds = KINDS.values() if kind == AUTO else (KINDS[kind],)
    return tuple(name for one in kinds for names in one for name in names)


class Load(NamedTuple):
    """What one engine says."""

    kind: str
    running: float = 0.0  #: requests
    waiting: float = 0.0
    usage: float = 0.0  #: 0 to 1; 0 if it does not say


def load_of(found: Mapping[str, Collection[float]], kind: str) -> Load:
    """What a page says: ``found``, the values of each metric, one for each model or device (requests add up, usage is averaged).

    Raises:
        ValueError: none of the metrics of ``kind`` is there, or a usage is more than 1.
    """
    kinds = KINDS if kind == AUTO else {kind: KINDS[kind]}
    for word, names in kinds.items():
        running, waiting, usage = (next((found[one] for one in side if one in found), None) for side in names)
        if running is None and waiting is None and usage is None:
            continue
        used = sum(usage) / len(usage) if usage else 0.0
        if used > 1.0:
            raise ValueError(f"{names.usage[0]} is {used:g}, which is more than all of it")
        return Load(word, sum(running or ()), sum(waiting or ()), used)
    raise ValueError(f"it has none of the metrics of {'any engine' if kind == AUTO else kind}")


REPORTED: Final = "report"  #: kind of what was said with an answer
#: How load reports call it (``wire.load_report``): vLLM, Triton and SGLang by names of their own, others as ORCA has it, where what is
#: used may be more than all of it.
_IN_REPORTS: Final = MetricNames(
    ("named_metrics.num_requests_running", "named_metrics.num_running_reqs"),
    ("named_metrics.num_requests_waiting", "named_metrics.num_queue_reqs"),
    (
        "named_metrics.kv_cache_usage_perc",
        "named_metrics.gpu_cache_usage_perc",
        "named_metrics.kv_cache_utilization",
        "named_metrics.token_usage",
    ),
)
_OVERALL: Final = ("application_utilization", "cpu_utilization")


class Reported(NamedTuple):
    """What a report says; None: nothing of that."""

    running: float | None
    waiting: float | None
    usage: float | None


def reported(found: Mapping[str, float]) -> Reported:
    """What a load report says; ``found``: its numbers, by their names.

    Raises:
        ValueError: nothing that counts, or a usage of memory that is more than 1.
    """
    running, waiting, usage = (next((found[one] for one in side if one in found), None) for side in _IN_REPORTS)
    if usage is not None and usage > 1.0:
        raise ValueError(f"{usage:g} is more than all of the memory")
    if usage is None:
        overall = next((found[one] for one in _OVERALL if found.get(one)), None)
        usage = None if overall is None else min(1.0, overall)
    if running is None and waiting is None and usage is None:
        raise ValueError("it says nothing of requests or memory")
    return Reported(running, waiting, usage)
