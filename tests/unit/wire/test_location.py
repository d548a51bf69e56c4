"""``Location``: where it leads, and what cannot stand in it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire.errors import WireError
from fastgw.wire.location import safe_location


@given(st.binary(max_size=60))
def test_a_path_stays_on_its_host_and_in_its_field(rest: bytes) -> None:
    found = safe_location(b"/" + rest)
    assert found[:1] == b"/" and found[1:2] not in (b"/", b"\\")
    assert re.fullmatch(rb"[\x21-\x7e]+", found)


@given(st.binary(max_size=60))
def test_an_uri_stays_in_its_field(rest: bytes) -> None:
    found = safe_location(b"https://a.example/" + rest)
    assert found.startswith(b"https://a.example/") and re.fullmatch(rb"[\x21-\x7e]+", found)


@pytest.mark.parametrize("target", [b"", b"x", b"javascript:alert(1)", b"https://", b"https:///x", b"https://?x"])
def test_what_is_neither_path_nor_uri_is_no_location(target: bytes) -> None:
    with pytest.raises(WireError) as caught:
        safe_location(target)
    assert caught.value.status == 400
