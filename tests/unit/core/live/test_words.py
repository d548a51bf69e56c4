"""The layout of the board: nothing overlaps, and the C compiler knows the same."""

from __future__ import annotations

import re
from pathlib import Path

from fastgw.core.live import words


def test_constants_of_the_c_compiler_are_these() -> None:
    """``_words.pxd`` writes them down once more."""
    text = Path(words.__file__).with_name("_words.pxd").read_text()
    found = {name: int(value) for name, value in re.findall(r"^    (\w+) = (-?\d+)$", text, flags=re.MULTILINE)}
    assert len(found) == text.count(" = ")  # every line was understood
    assert found == {name: value for name, value in vars(words).items() if name.isupper()}


def test_the_parts_of_a_word_have_room() -> None:
    assert words.SEATS <= 1 << words.HELD_SHIFT - words.SEAT_SHIFT
    assert words.SERIAL < 1 << words.SEAT_SHIFT == 1 << words.CELL_SHIFT == 1 << words.LEDGER_SHIFT
    assert words.MAX_HELD << words.HELD_SHIFT | words.CHANGE == 2**64 - 1
    assert words.CELLS < words.NO_CELL < 1 << words.KIND_SHIFT - words.CELL_SHIFT
    assert max(words.TAKE, words.GIVE, words.GIVE_ALL, words.RENEW) << words.KIND_SHIFT < 2**63


def test_the_parts_of_the_board_are_side_by_side() -> None:
    assert words.SEED + 2 <= words.HEADER_WORDS == words.SEATS_AT
    assert words.KEYS_AT - words.SEATS_AT == words.SEATS * words.SEAT_WORDS
    assert words.VALUES_AT - words.KEYS_AT == words.LEDGERS_AT - words.VALUES_AT == words.ALL_CELLS
    assert words.BOARD_WORDS - words.LEDGERS_AT == words.SEATS * words.CELLS
