"""What engines say, each by its own names."""

from __future__ import annotations

import pytest

from fastgw.policy.engines import AUTO, KINDS, Load, known, load_of, reported


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (
            {
                "vllm:num_requests_running": [3, 4],
                "vllm:num_requests_waiting": [1, 0],
                "vllm:kv_cache_usage_perc": [0.5, 0.7],
            },
            Load("vllm", 7, 1, 0.6),
        ),
        ({"vllm:num_requests_running": [3], "vllm:gpu_cache_usage_perc": [0.9]}, Load("vllm", 3, 0, 0.9)),
        (
            {"sglang:num_running_reqs": [2], "sglang:num_queue_reqs": [5], "sglang:token_usage": [0.25]},
            Load("sglang", 2, 5, 0.25),
        ),
        ({"tgi_queue_size": [2], "tgi_batch_current_size": [8]}, Load("tgi", 8, 2)),
        ({"nv_inference_pending_request_count": [2, 3]}, Load("triton", 0, 5)),
        ({"llamacpp:requests_processing": [4], "llamacpp:requests_deferred": [6]}, Load("llamacpp", 4, 6)),
    ],
)
def test_each_kind_is_known_by_its_names(found: dict[str, list[float]], expected: Load) -> None:
    said = load_of(found, AUTO)
    assert said._replace(usage=round(said.usage, 9)) == expected
    assert load_of(found, expected.kind) == said


def test_what_is_no_engine_and_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="none of the metrics of any engine"):
        load_of({}, AUTO)
    with pytest.raises(ValueError, match="none of the metrics of tgi"):
        load_of({"vllm:num_requests_running": [1]}, "tgi")
    with pytest.raises(ValueError, match="more than all of it"):
        load_of({"sglang:token_usage": [50.0]}, AUTO)


def test_the_names_of_a_kind_and_of_all() -> None:
    assert known("tgi") == ("tgi_batch_current_size", "tgi_queue_size")
    assert set(known(AUTO)) == {name for kind in KINDS for name in known(kind)}


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ({"named_metrics.kv_cache_usage_perc": 0.4, "cpu_utilization": 1.0}, (None, None, 0.4)),
        ({"named_metrics.num_running_reqs": 2.0, "named_metrics.num_queue_reqs": 3.0}, (2.0, 3.0, None)),
        ({"application_utilization": 1.5, "cpu_utilization": 0.1}, (None, None, 1.0)),
        ({"application_utilization": 0.0, "cpu_utilization": 0.1}, (None, None, 0.1)),
    ],
)
def test_what_a_load_report_says(report: dict[str, float], expected: tuple[float | None, ...]) -> None:
    assert reported(report) == expected


@pytest.mark.parametrize("report", [{}, {"eps": 1.0}, {"named_metrics.kv_cache_usage_perc": 40.0}])
def test_a_load_report_that_says_nothing_here(report: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"says nothing|more than all"):
        reported(report)
