"""An answer that a cache has kept, and what it says to whom."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from fastgw.policy.freshness import Life
from fastgw.policy.shelf import Selected
from fastgw.wire.fields import find_field
from fastgw.wire.lines import without_fields
from fastgw.wire.preconditions import ReadField, has_tag, read_date

#: Of a 304: what it says of the body is not news of the one that is kept (RFC 9111 section 3.2).
_OF_BODY: Final = (b"content-length", b"content-encoding", b"content-range", b"content-type", b"transfer-encoding")


@dataclass(frozen=True, slots=True, eq=False)
class StoredAnswer:
    """Status, fields and body, whom they are for, and how long."""

    place: bytes
    key: Hashable
    selected: Selected
    status: int
    fields: (
        bytes  #: lines, each with its CRLF, ``date`` first: without what says how long the body is, or how old it is
    )
    body: bytes
    life: Life

    @property
    def size(self) -> int:
        """Bytes of fields and body."""
        return len(self.fields) + len(self.body) + len(self.place)

    def header(self, name: bytes) -> bytes | None:
        """The value of the field ``name`` (lower-case); None when absent."""
        return find_field(b"\r\n" + self.fields, name)

    @property
    def conditions(self) -> tuple[tuple[bytes, bytes], ...]:
        """Fields by which the service is asked if it is still so (RFC 9111 section 4.3.1)."""
        pairs = ((b"if-none-match", self.header(b"etag")), (b"if-modified-since", self.header(b"last-modified")))
        return tuple((name, value) for name, value in pairs if value is not None)

    def is_known_to(self, header: ReadField) -> bool:
        """Whether who asks with these fields has it already (RFC 9110 sections 13.1.2 and 13.1.3): a 304."""
        if self.status != 200:
            return False
        known = header(b"if-none-match")
        if known is not None:
            tag = (self.header(b"etag") or b"").removeprefix(b"W/")
            return bool(tag) and has_tag(known, tag, is_weak=True)
        since = header(b"if-modified-since")
        changed = self.header(b"last-modified")
        if since is None or changed is None:
            return False
        asked, last = read_date(since), read_date(changed)
        return asked is not None and last is not None and last <= asked


def renewed(fields: bytes, news: bytes) -> bytes:
    """The stored ``fields`` after a 304 with the fields ``news`` has confirmed them (RFC 9111 section 4.3.4)."""
    told = without_fields(news, _OF_BODY)
    names = {line.partition(b":")[0].lower() for line in told.split(b"\r\n") if line}
    return told + without_fields(fields, tuple(names))
