"""The rows of models: on the page where something was counted, by service and model."""

from __future__ import annotations

import mmap

from fastgw.core import counters as layout
from fastgw.core import model_counters as rows
from fastgw.telemetry.metrics import render
from fastgw.telemetry.totals import total
from tests.unit.telemetry.test_metrics import facts, values


def test_the_page_has_what_was_used_and_no_series_for_what_was_not() -> None:
    slab = memoryview(mmap.mmap(-1, layout.SLAB_BYTES)).cast("Q")
    base = layout.MODEL.base(1)
    slab[base + rows.INPUT_TOKENS], slab[base + rows.ESTIMATED_TOKENS + 1] = 19, 3
    slab[base + rows.FIRST_TOKEN_US], slab[base + rows.FIRST_TOKEN_US + 1 + layout.bucket_of(250_000)] = 250_000, 1
    models = {("llm", "big"): 0, ("llm", "other"): 1}
    found = values(render(facts(), total([slab], {}, {}, {}, {}, models))[0].decode())
    one = frozenset({("service", "llm"), ("gen_ai_response_model", "other")})
    assert found["gen_ai_client_inference_usage_input_tokens_total", one] == 19
    assert found["fastgw_usage_estimated_tokens_total", one | {("gen_ai_token_type", "output")}] == 3
    assert found["gen_ai_server_time_to_first_token_seconds_sum", one] == 0.25
    assert found["gen_ai_server_time_to_first_token_seconds_bucket", one | {("le", "0.1")}] == 0
    assert found["gen_ai_server_time_to_first_token_seconds_bucket", one | {("le", "0.25")}] == 1
    assert not any(("gen_ai_response_model", "big") in labels for _, labels in found)


def test_models_that_find_no_slot_are_told_as_one() -> None:
    slab = memoryview(mmap.mmap(-1, layout.SLAB_BYTES)).cast("Q")
    last = layout.MODEL.count - 1
    slab[layout.MODEL.base(last)] = 7
    sums = total([slab], {}, {}, {}, {}, {("a", "x"): last, ("b", "y"): last})
    assert {name: block[0] for name, block in sums.models.items()} == {("other", "other"): 7}
