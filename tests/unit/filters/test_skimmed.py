"""What a skim passes and a reader into objects does not."""

from __future__ import annotations

import pytest

from fastgw.errors import DownstreamError
from fastgw.filters.skimmed import document_of


def test_it_is_what_it_says() -> None:
    assert document_of(b'{"a":[1,"x"]}') == {"a": [1, "x"]}


@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"9" * 400])
def test_a_number_that_nobody_can_hold_is_the_client_s_mistake(number: bytes) -> None:
    with pytest.raises(DownstreamError, match="infinity") as found:
        document_of(b'{"a":%b}' % number)
    assert (found.value.status, found.value.code) == (400, "json_malformed")
