"""The plain twin of ``_lines.pyx``; names are given in lower case, and stand there in any."""

from __future__ import annotations

from collections.abc import Collection


def values_of(lines: bytes, name: bytes, start: int = 0) -> list[bytes]:
    """The value of each line of the field ``name``, without blanks around it; lines begin at ``start``."""
    needle = name + b":"
    size = len(needle)
    found = lines[start:].split(b"\r\n")
    return [line[size:].strip(b" \t") for line in found if line[:size].lower() == needle]


def value_of(lines: bytes, name: bytes, start: int = 0) -> bytes | None:
    """These values, joined with ``", "``; None: there is no such line."""
    values = values_of(lines, name, start)
    return b", ".join(values) if values else None


def has_any(lines: bytes, names: tuple[bytes, ...]) -> bool:
    """Whether there is a line of one of the fields ``names``; a request line in front is none of any."""
    lowered = b"\r\n" + lines.lower()
    return any(b"\r\n" + name + b":" in lowered for name in names)


def without_fields(lines: bytes, names: Collection[bytes]) -> bytes:
    """``lines`` without those of the fields ``names``."""
    if not has_any(lines, tuple(names)):
        return lines
    kept = [line for line in lines.split(b"\r\n") if b":" not in line or line.partition(b":")[0].lower() not in names]
    return b"\r\n".join(kept)


def with_length(lines: bytes, length: int) -> bytes:
    """``lines`` with one of Content-Length, which says so, at their end, and no other."""
    return without_fields(lines, (b"content-length",)) + b"content-length: %d\r\n" % length


def names_like(lines: bytes, names: Collection[bytes]) -> set[bytes]:
    """The names, in lower case, of lines that are not of ``names``, and are with ``-`` in the place of each ``_``: services that have
    fields as variables (CGI) take one for the other."""
    if b"_" not in lines:
        return set()
    found = {line.partition(b":")[0].lower() for line in lines.split(b"\r\n") if b":" in line}
    return {one for one in found if b"_" in one and one not in names and one.replace(b"_", b"-") in names}


def behind(value: bytes, scheme: bytes) -> bytes | None:
    """The credentials in ``value``, the name of whose scheme is ``scheme`` (RFC 9110 section 11.4), without the blanks around them; empty:
    none that are apart from the name; None: it has another scheme."""
    size = len(scheme)
    if value[:size].lower() != scheme:
        return None
    return value[size:].strip(b" ") if value[size : size + 1] == b" " else b""
