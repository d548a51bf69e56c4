"""What is packed for a successor, and in how many pieces it goes; what arrives is tested with ``handover``."""

from __future__ import annotations

import pytest

from fastgw.server import parcel as module
from fastgw.server.channel import Channel
from fastgw.server.gateway import Gateway
from tests.unit.server.test_handover import file, hand, old, pair, taken

__all__ = ["file", "old", "pair", "taken"]


def test_it_comes_in_pieces_where_one_message_has_no_room(
    old: Gateway, pair: tuple[Channel, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_FDS", 2)
    found = hand(old, pair)
    listening = found.listening("127.0.0.1:0")
    assert listening is not None and len(listening.sockets) == 2
    listening.close()
