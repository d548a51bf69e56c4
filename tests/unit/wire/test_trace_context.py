"""traceparent and tracestate: what is one, and what is passed on of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire.trace_context import RANDOM, SAMPLED, STATE_MOST, parent_of, read_parent, read_state

TRACE = b"4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = b"00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("value", "flags"),
    [
        (b"00-%b-%b-01" % (TRACE, SPAN), SAMPLED),
        (b"00-%b-%b-00" % (TRACE, SPAN), 0),
        (b"00-%b-%b-03" % (TRACE, SPAN), SAMPLED | RANDOM),
        (b"00-%b-%b-ff" % (TRACE, SPAN), SAMPLED | RANDOM),  # flags that nobody knows are not passed on
        (b"01-%b-%b-01" % (TRACE, SPAN), SAMPLED),
        (b"cc-%b-%b-01-what-the-future-will-be-like" % (TRACE, SPAN), SAMPLED),
        (b"fe-%b-%b-01-" % (TRACE, SPAN), SAMPLED),
    ],
)
def test_a_parent_is_read(value: bytes, flags: int) -> None:
    assert read_parent(value) == (TRACE, SPAN, flags)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"00",
        b"00-%b-%b" % (TRACE, SPAN),
        b"00-%b-%b-0" % (TRACE, SPAN),
        b"00-%b-%b-01-" % (TRACE, SPAN),
        b"00-%b-%b-01-more" % (TRACE, SPAN),
        b"00-%b-%b-01." % (TRACE, SPAN),
        b"cc-%b-%b-01.what" % (TRACE, SPAN),
        b"ff-%b-%b-01" % (TRACE, SPAN),
        b"00-%b-%b-01" % (b"0" * 32, SPAN),
        b"00-%b-%b-01" % (TRACE, b"0" * 16),
        b"00-%b-%b-01" % (TRACE.upper(), SPAN),
        b"00-%b-%b-0g" % (TRACE, SPAN),
        b"00_%b-%b-01" % (TRACE, SPAN),
        b"00-%b-%b-01" % (TRACE[:-1] + b"-", SPAN[:-1] + b"0"),
        b"00-%b--%b-01" % (TRACE[:-1], SPAN),
        b"00-%b-%b-01, 00-%b-%b-01" % (TRACE, SPAN, TRACE, SPAN),
    ],
)
def test_what_is_no_parent(value: bytes) -> None:
    assert read_parent(value) is None


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8), st.integers(0, 3))
def test_what_is_written_is_read(trace: bytes, span: bytes, flags: int) -> None:
    hexed = trace.hex().encode(), span.hex().encode()
    is_one = any(trace) and any(span)
    assert read_parent(parent_of(*hexed, flags)) == ((*hexed, flags) if is_one else None)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_parent_or_none(value: bytes) -> None:
    found = read_parent(value)
    assert found is None or value.startswith(b"-".join((value[:2], found[0], found[1])))


@pytest.mark.parametrize(
    "value",
    [
        b"rojo=00f067aa0ba902b7",
        b"congo=t61rcWkgMzE,rojo=00f067aa0ba902b7",
        b"a=1 , b=2,,c=3",
        b"tenant@system=x",
        b"0tenant@system=x",
        b"a=%b" % (b"v" * 256),
        b",".join(b"k%d=v" % one for one in range(32)),
    ],
)
def test_a_state_is_passed_on(value: bytes) -> None:
    assert read_state(value) == value


@pytest.mark.parametrize(
    "value",
    [b"", b",", b"a", b"A=1", b"a=", b"a=1=2", b"a=\x7f", b"@x=1", b"t@S=1", b"a =1", b"a=%b" % (b"v" * 257), b"a=1,b"],
)
def test_what_is_no_state(value: bytes) -> None:
    assert read_state(value) == b""


def test_more_members_than_there_may_be_are_no_state() -> None:
    assert read_state(b",".join(b"k%d=v" % one for one in range(33))) == b""


def test_a_long_state_loses_its_long_members_first_then_its_last_ones() -> None:
    long, short = b"l=%b" % (b"v" * 200), [b"k%02d=%b" % (one, b"v" * 80) for one in range(6)]
    found = read_state(b",".join([long, *short]))
    assert found == b",".join(short)
    assert len(found) <= STATE_MOST
    more = [b"k%02d=%b" % (one, b"v" * 80) for one in range(9)]
    assert read_state(b",".join(more)) == b",".join(more[:6])


@given(st.lists(st.from_regex(rb"[a-z]{1,20}=[!-+]{1,250}", fullmatch=True), max_size=32))
def test_a_state_is_bounded_and_keeps_its_order(members: list[bytes]) -> None:
    found = read_state(b",".join(members))
    assert len(found) <= STATE_MOST
    rest = iter(members)
    assert all(one in rest for one in found.split(b",") if one)
