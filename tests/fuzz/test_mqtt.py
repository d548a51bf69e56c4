"""What a client of MQTT sends, in pieces and in one, right and broken: broker and client are told the same, and only whole packets."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.mqtt_pieces import told_apart
from tests.fuzz.stage import pieces_of
from tests.support.examples import examples

CORPUS = {path.name: path.read_bytes() for path in sorted((Path(__file__).parent / "corpus" / "mqtt").iterdir())}


@pytest.mark.parametrize("name", CORPUS)
def test_a_split_changes_nothing(name: str) -> None:
    data = CORPUS[name]
    version = 5 if name.endswith("5") else 4
    assert told_apart([data[at : at + 1] for at in range(len(data))], version) == ""


@settings(max_examples=examples(120), deadline=None)
@given(
    st.lists(st.sampled_from(list(CORPUS.values())), min_size=1, max_size=3).map(b"".join),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=2),
    st.integers(0, 1 << 16),
    st.integers(0, 1 << 16),
    st.sampled_from([4, 5]),
)
def test_nor_do_broken_bytes(data: bytes, broken: list[tuple[int, int]], first: int, second: int, version: int) -> None:
    found = bytearray(data)
    for place, value in broken:
        found[place % len(found)] = value
    size = 2 * len(found)
    assert told_apart(pieces_of(bytes(found), first % size, second % size), version) == ""
