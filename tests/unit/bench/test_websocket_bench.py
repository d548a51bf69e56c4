"""What is made of the reports of the Autobahn test suite, and the service that is talked to."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from bench.websocket.autobahn import Seen, add, differing, specification, table
from bench.websocket.service import Echo
from fastgw.core.exchange.tunnel import accept_of
from fastgw.testing.mock import MockTransport
from fastgw.wire.websocket_frames import TEXT, frame_of

MASK = b"\x01\x02\x03\x04"


def told(behavior: str, code: int = 1000) -> dict[str, Any]:
    return {"behavior": behavior, "behaviorClose": "OK", "remoteCloseCode": code, "duration": 3}


def test_an_outcome_differs_that_never_comes_directly() -> None:
    seen: Seen = defaultdict(lambda: defaultdict(set))
    add(
        seen,
        {"direct": {"1.1": told("OK"), "2.1": told("OK")}, "frames": {"1.1": told("OK"), "2.1": told("NON-STRICT")}},
    )
    assert differing(seen) == ["2.1"]
    add(seen, {"direct": {"2.1": told("NON-STRICT")}, "frames": {"2.1": told("OK")}})
    assert differing(seen) == []
    assert "| direct | 1 | 1 |" in table(seen) and "2 cases, 0 of them differ" in table(seen)
    add(seen, {"frames": {"1.1": told("OK", 1002)}})
    assert differing(seen) == ["1.1"] and table(seen).endswith("2 cases, 1 of them differ: 1.1")


def test_the_suite_is_told_of_all_three() -> None:
    found = specification(Path("/out"), {"edge": 1, "service": 2}, ["1.*"])
    assert [one["url"] for one in found["servers"]] == [
        "ws://127.0.0.1:2/",
        "ws://127.0.0.1:1/bytes",
        "ws://127.0.0.1:1/frames",
    ]
    assert found["cases"] == ["1.*"] and found["outdir"] == "/out"


def test_the_service_says_back_what_it_hears() -> None:
    key = b"dGhlIHNhbXBsZSBub25jZQ=="
    ends = [Echo(), Echo()]
    said: list[list[bytes]] = [[], []]
    for one, out in zip(ends, said, strict=True):
        one.connection_made(_Writes(out))  # type: ignore[arg-type]
        one.data_received(b"GET /x/all HTTP/1.1\r\nSec-WebSocket-Key: %b\r\n\r\n" % key)
        assert accept_of(key) in out.pop()
    ends[0].data_received(frame_of(TEXT, b"all", MASK))
    assert all(frame_of(TEXT, b"all") in b"".join(out) for out in said)
    for one in ends:
        one.connection_lost(None)


class _Writes(MockTransport):
    """What is written to it."""

    def __init__(self, out: list[bytes]) -> None:
        self.write = out.append  # type: ignore[method-assign,assignment]
