"""What a route says of WebSockets is what tells chains apart: plain, equal where it says the same, and able to travel to a worker."""

from __future__ import annotations

import pickle

from fastgw.core.websocket_settings import WebSocketSettings

USUAL = WebSocketSettings(1, 2, (3, 1), 4, (5, 1), 6, 7.0, 8.0, 9.0, 10.0, ("chat",), "pass")


def test_routes_that_say_the_same_are_one() -> None:
    again = pickle.loads(pickle.dumps(USUAL))
    assert {USUAL: "here"}[again] == "here" and again._replace(compression="refuse") != USUAL
