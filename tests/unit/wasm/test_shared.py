"""What exchanges share."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fastgw.wasm.shared import COUNTER, GAUGE, METRICS_MAX, SharedData


def test_a_change_of_somebody_else_is_noticed() -> None:
    shared = SharedData(1000)
    assert shared.get(b"k") is None and shared.set(b"k", b"1", 0) is True
    found = shared.get(b"k")
    assert found is not None and found[0] == b"1" and found[1] > 0
    assert shared.set(b"k", b"2", found[1]) is True and shared.set(b"k", b"3", found[1]) is False
    assert shared.set(b"new", b"3", 7) is False
    assert shared.get(b"k") is not None and shared.get(b"k")[0] == b"2"  # type: ignore[index]


def test_an_empty_value_takes_the_key_away() -> None:
    shared = SharedData(1000)
    shared.set(b"k", b"1", 0)
    assert shared.set(b"k", b"", 0) is True and shared.get(b"k") is None and shared.size == 0


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.binary(max_size=300)), max_size=30))
def test_no_more_is_kept_than_it_may(puts: list[tuple[bytes, bytes]]) -> None:
    shared, model = SharedData(500), dict[bytes, bytes]()
    for key, value in puts:
        if shared.set(key, value, 0):
            model[key] = value
        assert shared.size <= 500
    for key, value in model.items():
        found = shared.get(key)
        assert (found[0] if found else b"") == value


def test_metrics_are_numbers_by_name_and_kind() -> None:
    shared = SharedData(0)
    number = shared.define(b"hits", COUNTER)
    assert number == shared.define(b"hits", COUNTER) != shared.define(b"hits", GAUGE)
    assert shared.increment(number, 2) is True and shared.increment(number, -1) is False
    assert shared.metric(number) == 2 and shared.record(number, 7) and shared.metric(number) == 7
    assert shared.metric(99) is None and shared.increment(0, 1) is None and shared.record(99, 1) is False
    for index in range(METRICS_MAX):
        shared.define(b"%d" % index, GAUGE)
    assert shared.define(b"one more", GAUGE) == 0
