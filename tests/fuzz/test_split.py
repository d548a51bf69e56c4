"""The same bytes in one piece, one at a time, and cut at every place: both sides must be told the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.stage import GET, HEAD, WEBSOCKET, Stage, Told, by_byte, client_reader, pieces_of

CORPUS = Path(__file__).parent / "corpus"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "wire" / "cases.json"
LONGEST = 2000
"""Bytes; a longer message is left out of the splits that are quadratic in its length."""
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


def own(kind: str) -> dict[str, bytes]:
    """The committed messages of one kind by name."""
    return {path.stem: path.read_bytes() for path in sorted((CORPUS / kind).glob("*.http"))}


def shared(direction: str) -> dict[str, dict[str, Any]]:
    """The wire cases of one direction that can be split, by name; none where they are not at hand."""
    if not SHARED.exists():
        return {}
    cases = json.loads(SHARED.read_text())["cases"]
    return {
        one["name"]: one
        for one in cases
        if one["direction"] == direction and len(one.get("raw", "x" * LONGEST)) < LONGEST
    }


def asked(told: Told) -> object:
    """What the split may not change about requests.

    Left out are: why a message is refused when there are several reasons (the first one seen, and with it the status);
    `Expect`, which is forwarded only while there is something to wait for, and not when the body came with the head (RFC
    9110 section 10.1.1); and what reached the service of a request that was never completed.
    """
    assert not any(reading.problem for reading in told.services), told.services
    requests = [
        (one.start, [line for line in one.fields if line[0] != b"expect"], one.body, one.trailers)
        for one in told.requests
    ]
    statuses = [int(status) for status in _STATUS.findall(told.client)]
    if told.is_closed and statuses:
        statuses[-1] = min(statuses[-1], 400)
    return statuses, told.is_closed, requests


def answered(told: Told, request: bytes) -> object:
    """What the split may not change about an answer: framing and cut-off bodies are compared as the client reads them."""
    reader = client_reader(request.split(b" ", 1)[0], upgrade=request is WEBSOCKET)
    reader.feed(told.client)
    reading = reader.finish()
    assert not reading.problem, (reading, told.client)
    messages = [
        (one.start, one.fields, one.body, one.trailers) if one.is_complete and one.start != (b"502",) else one.start
        for one in reading.messages
    ]
    tunnel = told.client.partition(b"\r\n\r\n")[2] if told.client.startswith(b"HTTP/1.1 101") else b""
    return reading.interim, messages, tunnel, told.is_closed


def splits(data: bytes) -> Iterator[list[bytes]]:
    """Every way to send `data` that is tried."""
    yield by_byte(data)
    for cut in range(1, len(data)):
        yield pieces_of(data, cut)


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


@pytest.mark.parametrize("name", own("request"))
def test_a_request_has_one_reading_at_every_split(stage: Stage, name: str) -> None:
    data = own("request")[name]
    whole = asked(stage.ask([data]))
    for pieces in splits(data):
        assert asked(stage.ask(pieces)) == whole, pieces


@pytest.mark.parametrize("name", own("response"))
def test_an_answer_has_one_reading_at_every_split(stage: Stage, name: str) -> None:
    data = own("response")[name]
    request = HEAD if name.startswith("head-") else WEBSOCKET if name.startswith("upgrade-") else GET
    whole = answered(stage.answer(request, [data]), request)
    for pieces in splits(data):
        assert answered(stage.answer(request, pieces), request) == whole, pieces


@pytest.mark.parametrize("name", shared("request"))
def test_a_shared_request_case_has_one_reading_byte_by_byte(stage: Stage, name: str) -> None:
    data = shared("request")[name]["raw"].encode("latin-1")
    assert asked(stage.ask(by_byte(data))) == asked(stage.ask([data]))


@pytest.mark.parametrize("name", shared("response"))
def test_a_shared_answer_case_has_one_reading_byte_by_byte(stage: Stage, name: str) -> None:
    case = shared("response")[name]
    request = case.get("request", GET.decode()).encode("latin-1")
    data = case["raw"].encode("latin-1")
    close = bool(case.get("upstream_close"))
    whole = answered(stage.answer(request, [data], then_close=close), request)
    assert answered(stage.answer(request, by_byte(data), then_close=close), request) == whole


@pytest.mark.long
@pytest.mark.timeout(300)
def test_every_shared_case_has_one_reading_at_every_split(stage: Stage) -> None:
    for case in shared("request").values():
        data = case["raw"].encode("latin-1")
        whole = asked(stage.ask([data]))
        for cut in range(1, len(data)):
            assert asked(stage.ask(pieces_of(data, cut))) == whole, (case["name"], cut)
    for case in shared("response").values():
        request = case.get("request", GET.decode()).encode("latin-1")
        data = case["raw"].encode("latin-1")
        close = bool(case.get("upstream_close"))
        whole = answered(stage.answer(request, [data], then_close=close), request)
        for cut in range(1, len(data)):
            told = stage.answer(request, pieces_of(data, cut), then_close=close)
            assert answered(told, request) == whole, (case["name"], cut)
