"""The static table, against that of another implementation."""

from __future__ import annotations

from hpack.table import HeaderTable

from fastgw.wire.http2 import static_table as table


def test_it_is_the_table_of_the_rfc() -> None:
    assert table.ENTRIES == HeaderTable.STATIC_TABLE
    assert table.SIZE == 61


def test_a_name_is_found_where_it_stands_first() -> None:
    assert table.NAME_INDEX[b":method"] == 2
    assert table.INDEX[b":method", b"POST"] == 3
    assert table.NAME_INDEX[b"www-authenticate"] == 61
