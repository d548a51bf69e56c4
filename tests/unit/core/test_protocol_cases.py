"""Raw inputs through the whole data plane: the status the client gets, and what a service may see of it.

The table of the most important ones is ``tests/unit/wire/cases.py``; ``tests/unit/wire/collection.json`` is the large collection, with the
fields that its ``format`` explains, the RFC section and, where there is one, the CVE of each.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, Edge, head_of, statuses
from tests.unit.wire.cases import ANSWERS, BODIES, HEADS, REFUSED_EITHER_WAY, Case

COLLECTION = Path(__file__).resolve().parents[1] / "wire" / "collection.json"


def told(edge: Edge, raw: bytes, pieces: int = 0) -> tuple[bytes, bytes]:
    """What the client got and what all services saw; they answer every complete request with 200."""
    client = edge.client()
    step = pieces or max(1, len(raw))
    seen: dict[int, bytes] = {}
    got = b""
    for at in [*range(0, len(raw), step), len(raw)]:
        if raw[at : at + step] and not client.is_lost:
            client.feed(raw[at : at + step])
        for attempt in edge.attempts:
            attempt.succeed(extra={"socket": None})
            edge.run()
        for number, attempt in enumerate(edge.loop.attempts):
            service = attempt.transport
            if service is not None:
                sent = service.take()
                seen[number] = seen.get(number, b"") + sent
                exchange = getattr(service.protocol, "exchange", None)
                if exchange is not None and exchange.body.is_done:
                    service.feed(OK if exchange.request.method != b"HEAD" else OK[:-2])
                    edge.run()
        got += client.take()
    return got, b"".join(seen.values())


@pytest.mark.parametrize("pieces", [0, 1])
@pytest.mark.parametrize("case", [*HEADS, *BODIES], ids=lambda case: case.name)
def test_important_requests(case: Case, pieces: int) -> None:
    if pieces and len(case.raw) > 5000:
        pytest.skip("too long to come byte by byte")
    edge = Edge()
    got, seen = told(edge, case.raw + GET, pieces)
    found = statuses(got)
    if case.name == "asterisk":
        assert found == [204, 200]  # answered here: no route of this listener asks for it
    elif case.status == 200:
        assert found[0] == 200
        assert found == [200, 200] or b"connection: close" in head_of(got)
    else:
        assert found == [case.status]  # nothing behind it was read as a request
        assert b"connection: close\r\n" in head_of(got)
        assert seen.count(b" HTTP/1.1\r\n") <= (case in BODIES)
        assert not seen.endswith(b"0\r\n\r\n")  # no service takes what it got for a whole request
    edge.end()


@pytest.mark.parametrize("case", REFUSED_EITHER_WAY, ids=lambda case: case.name)
def test_requests_refused_one_way_or_another(case: Case) -> None:
    edge = Edge()
    got, seen = told(edge, case.raw + GET)
    assert len(statuses(got)) == 1
    assert statuses(got)[0] in (400, case.status)
    assert seen == b""
    edge.end()


@pytest.mark.parametrize("pieces", [0, 1])
@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.name)
def test_important_answers(case: Case, pieces: int) -> None:
    if pieces and len(case.raw) > 5000:
        pytest.skip("too long to come byte by byte")
    edge = Edge()
    client, service = edge.pair()
    step = pieces or len(case.raw)
    for at in range(0, len(case.raw), step):
        if not service.is_closing():
            service.feed(case.raw[at : at + step])
    got = client.take()
    final = [status for status in statuses(got) if status >= 200]
    assert final == [case.status]
    if case.status != 200 or case.name in ("leftover", "http-1.0"):
        assert service.is_aborted
    else:
        assert not service.is_closing()
        assert b"hello" in got
    edge.end()


# --- the collection


def collected(direction: str) -> list[Any]:
    cases = json.loads(COLLECTION.read_text())["cases"]
    return [pytest.param(case, id=case["name"]) for case in cases if case["direction"] == direction]


def raw_of(case: dict[str, Any]) -> bytes:
    if "raw_repeat" in case:
        return b"".join(text.encode("latin-1") * count for text, count in case["raw_repeat"])
    raw: str = case["raw"]
    return raw.encode("latin-1")


@pytest.mark.parametrize("case", collected("request"))
def test_collected_request(case: dict[str, Any]) -> None:
    edge = Edge(limits=usual.limits())
    got, seen = told(edge, raw_of(case))
    found = [status for status in statuses(got) if status >= 200]
    refused = [status for status in found if status >= 400]
    expectation = case["expectation"]
    alternatives = case.get("alt", [])
    requests = len(re.findall(rb"(?m)^[A-Z]+ [^ \r\n]+ HTTP/1\.1\r$", seen))
    if expectation.startswith("reject") and not (found and not refused and "forward" in alternatives):
        assert refused or not found
        if not case.get("partial_ok"):
            assert requests <= max(case.get("n_upstream", 0), case.get("partial_ok", 0))
        elif requests:
            assert not seen.endswith(b"0\r\n\r\n")
    elif expectation.startswith("forward") and "reject" not in alternatives:
        assert found[0] < 400 or case.get("policy") or found[0] in case.get("accept", [])
    for pattern in case.get("must_not", []):
        assert not re.search(pattern.encode("latin-1"), seen, re.IGNORECASE | re.MULTILINE), pattern
    edge.end()


@pytest.mark.parametrize("case", collected("response"))
def test_collected_answer(case: dict[str, Any]) -> None:
    edge = Edge()
    client, service = edge.pair(case.get("request", GET.decode()).encode("latin-1"))
    raw = raw_of(case)
    if raw:
        service.feed(raw)
    if not service.is_closing():
        service.feed_eof()
    edge.run()
    got = client.take()
    found = [status for status in statuses(got) if status >= 200]
    assert len(found) == 1
    assert found[0] in (*case["accept"], *((200,) if "forward" in case.get("alt", []) else ()))
    for pattern in case.get("must_not_client", []):
        assert not re.search(pattern.encode("latin-1"), got, re.IGNORECASE | re.MULTILINE), pattern
    assert edge.of_endpoint(0) <= case.get("max_upstream", 1)
    edge.end()
