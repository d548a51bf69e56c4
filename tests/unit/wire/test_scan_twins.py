"""The compiled scan against its twin, by generated heads and lines; and which of them is chosen."""

from __future__ import annotations

import runpy
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.wire import scan as chooser
from fastgw.wire.errors import WireError
from fastgw.wire.fields import REQUEST_FIELDS, RESPONSE_FIELDS, TRUSTED_REQUEST_FIELDS, FieldTable, is_token
from fastgw.wire.messages import Request, Response
from tests.support.examples import examples
from tests.unit.wire.heads import attributes, head_of, implementations, lines

IMPLEMENTATIONS = implementations()
GET = b"GET /a?b HTTP/1.1"
OK = b"HTTP/1.1 200 OK"


needs_two = pytest.mark.skipif(len(IMPLEMENTATIONS) < 2, reason="the compiled scan is not there")
first_lines = st.sampled_from(
    [GET, b"GET / HTTP/1.0", b"POST /x HTTP/1.1", b"GET / HTTP/2.0", b"GET  / HTTP/1.1", b"GET /"]
)
status_lines = st.sampled_from(
    [OK, b"HTTP/1.0 204 No", b"HTTP/1.1 404", b"HTTP/1.1 500 \xe9", b"HTTP/1.1 2x0 A", b"ICY 200"]
)


def outcome(scan: Any, message: Request | Response, *args: Any) -> Any:
    """What was read, or why not; of several faults each may name another."""
    try:
        scan(args[0], message, *args[1:])
    except WireError as error:
        return error.status, error.code
    return attributes(message)


@needs_two
@settings(max_examples=examples(1000), deadline=None)
@given(first_lines, lines, st.booleans())
def test_compiled_scan_reads_requests_as_its_twin(first: bytes, fields: list[bytes], trusted: bool) -> None:
    # Names that are no tokens do not come so far: the grammar was checked.
    head = head_of(first, [line for line in fields if is_token(line.partition(b":")[0])])
    table = FieldTable(TRUSTED_REQUEST_FIELDS if trusted else REQUEST_FIELDS)
    plain, compiled = (outcome(module.scan_request, Request(), head, table, 100) for module in IMPLEMENTATIONS)
    assert plain == compiled


@needs_two
@settings(max_examples=examples(1000), deadline=None)
@given(status_lines, lines, st.binary(max_size=12))
def test_compiled_scan_reads_answers_as_its_twin(first: bytes, fields: list[bytes], noise: bytes) -> None:
    head = head_of(first + noise[:6], [*fields, b"X: " + noise])
    table = FieldTable(RESPONSE_FIELDS)
    plain, compiled = (outcome(module.scan_response, Response(), head, table, 100) for module in IMPLEMENTATIONS)
    assert plain == compiled


@needs_two
@settings(max_examples=examples(1000), deadline=None)
@given(st.text("0123456789abcdefABCDEFgx;\r\n ", max_size=20), st.integers(0, 3))
def test_compiled_scan_reads_chunk_lines_as_its_twin(text: str, at: int) -> None:
    data = text.encode()
    at = min(at, len(data))
    plain, compiled = (module.scan_chunk_line(data, at) for module in IMPLEMENTATIONS)
    assert plain == compiled


@needs_two
@settings(max_examples=examples(1000), deadline=None)
@given(st.text("/.ab?%;[\x80\0\\", max_size=12), st.text("a\r\n", max_size=12), st.integers(0, 4))
def test_compiled_scan_finds_ends_and_plain_targets_as_its_twin(target: str, head: str, start: int) -> None:
    requests = Request(), Request()
    plain, compiled = (
        (module.scan_target(target.encode("latin-1"), request), module.find_head_end(head.encode(), start))
        for module, request in zip(IMPLEMENTATIONS, requests, strict=True)
    )
    assert plain == compiled
    assert attributes(requests[0]) == attributes(requests[1])


def test_compiled_form_is_chosen_where_it_is_and_the_twin_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    source = str(Path(chooser.__file__).with_name("scan.py"))
    compiled: Any = ModuleType("fastgw.wire._scan")
    for name in chooser.__all__:
        setattr(compiled, name, object())
    compiled.__spec__ = ModuleSpec(compiled.__name__, None)
    monkeypatch.setitem(sys.modules, "fastgw.wire._scan", compiled)
    chosen = runpy.run_path(source)
    assert all(chosen[name] is getattr(compiled, name) for name in chooser.__all__)
    monkeypatch.setitem(sys.modules, "fastgw.wire._scan", None)  # it is not to be found
    chosen = runpy.run_path(source)
    assert all(chosen[name] is getattr(IMPLEMENTATIONS[0], name) for name in chooser.__all__)


@given(st.binary(max_size=40), st.binary(min_size=4, max_size=4))
@settings(max_examples=examples(50))
def test_a_mask_is_taken_off_as_it_is_put_on(data: bytes, mask: bytes) -> None:
    expected = bytes([one ^ mask[at % 4] for at, one in enumerate(data)])
    for one in IMPLEMENTATIONS:
        assert one.masked(data, mask) == expected and one.masked(expected, mask) == data
        with pytest.raises(ValueError, match="four bytes"):
            one.masked(data, mask[:3])
