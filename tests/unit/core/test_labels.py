"""The words that counters are told by."""

from __future__ import annotations

import re

from fastgw.core import counters, labels


def test_each_value_of_a_label_has_one_place_and_is_one_word() -> None:
    told = [value for name, value in vars(labels).items() if isinstance(value, tuple) and name != "STATUSES"]
    assert len(told) > 10
    for values in told:
        assert len(set(values)) == len(values)
        assert all(re.fullmatch(r"_?[A-Za-z0-9_]+", value) for value in values)


def test_a_cause_that_nobody_knows_has_the_last_place() -> None:
    assert labels.CAUSES[-1] == labels.TLS_CAUSES[-1] == labels.OTHER_CAUSE


def test_the_rows_of_the_table_have_these_values() -> None:
    known = {value for value in vars(labels).values() if isinstance(value, tuple)}
    known.add((*labels.CLASSES, labels.OTHER_CAUSE))
    numbered = ("class",)  # places, not words
    rows = [row for block in counters.BLOCKS for row in block if row.values and row.labels[-1] not in numbered]
    own = {row.name for row in rows if row.values not in known}
    assert own <= {
        "fastgw_downstream_connections_refused",
        "fastgw_compressed_bytes",
        "fastgw_tokens_accepted",
        "fastgw_request_faults",
        "fastgw_breaker_transitions",
        "fastgw_worker_gc_collections",
        "fastgw_websocket_messages",
        "fastgw_websocket_closes",
        "fastgw_websocket_close_codes",
        "fastgw_endpoint_picker_picks",
        "fastgw_guardrails",
        "fastgw_prefix_picks",
        "fastgw_load_reports",
        "fastgw_streams_broken",
        "fastgw_answers_misfit",
        "fastgw_mqtt_bridge_failures",
        "fastgw_mqtt_bridge_refused",
        "fastgw_mqtt_bridge_dropped",
        "fastgw_mqtt_received_packets",
        "fastgw_mqtt_sent_packets",
        "fastgw_mqtt_refused",
        "fastgw_mqtt_ends",
        "fastgw_wasm_traps",
    }
