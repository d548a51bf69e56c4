"""The value of one field of a form with files (``multipart/form-data``, RFC 7578), found without touching the other parts.

A body that two readers could read differently is refused: a looked-for field that stands there twice, a part without a name or with two,
what is no part.  Files may have anything in them but the delimiter, which is looked for as bytes: CRLF, two hyphens and the boundary.  It
must not stand behind CR or LF alone either, which some readers take for the end of a line too.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

BOUNDARY_MAX: Final = 70  #: characters of a boundary (RFC 2046 section 5.1.1)
PARTS_MAX: Final = 256  #: parts of a body
HEAD_MAX: Final = 4096  #: bytes of the fields of a part
_CR: Final = 0x0D

_BOUNDARY: Final = re.compile(rb';[ \t]*boundary=(?:"([^"\\\r\n]{1,70})"|([^\s";,]{1,70}))[ \t]*(?=;|$)', re.IGNORECASE)
_TYPE: Final = re.compile(rb"multipart/form-data[ \t]*(;|$)", re.IGNORECASE)
_LINE: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*)").fullmatch
_DISPOSITION: Final = re.compile(rb"form-data[ \t]*(;.*)", re.IGNORECASE).fullmatch
_PARAMETER: Final = re.compile(rb';[ \t]*([!#-\'*+.^_`|~0-9A-Za-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s";]+))[ \t]*')
_PLAIN: Final = (b"", b"7bit", b"8bit", b"binary")  #: ways to encode a part that leave it as it is


class FormError(ValueError):
    """A form has no single reading; says why."""


class FormValue(NamedTuple):
    """Where the value of a field stands in the body."""

    start: int
    stop: int


def is_form(content_type: bytes) -> bool:
    """Whether a ``Content-Type`` is that of a form with files."""
    return _TYPE.match(content_type) is not None


def find_value(body: bytes, content_type: bytes, name: bytes) -> FormValue | None:
    """Where the value of the field ``name`` stands in ``body``; None: the form has no such field.

    Raises:
        FormError: the form has it twice, or is none.
    """
    opening = b"--" + _boundary(content_type)
    if b"\r" + opening in body:
        raise FormError("a boundary of the form stands behind a CR alone")
    if not body.startswith(opening):
        raise FormError("the form does not begin with its boundary")
    at = len(opening)
    found: FormValue | None = None
    for _ in range(PARTS_MAX):
        if body.startswith(b"--", at):
            if body[at + 2 :].strip():
                raise FormError("there is something behind the end of the form")
            return found
        at = _behind_line(body, at)
        end = body.find(b"\n" + opening, at) - 1
        if end < 0:
            raise FormError("the form ends in the middle")
        if body[end] != _CR:
            raise FormError("a boundary of the form stands behind a LF alone")
        start = body.find(b"\r\n\r\n", at, min(end, at + HEAD_MAX)) + 4
        if start == 3:
            raise FormError("a part of the form has no fields, or no end of them")
        fields = _fields(body[at : start - 4])
        if _name_of(fields) == name:
            if found is not None:
                raise FormError(f"the field {name.decode()!r} stands there twice")
            if fields.get(b"content-transfer-encoding", b"").lower() not in _PLAIN:
                raise FormError(f"the field {name.decode()!r} is encoded, which is not allowed (RFC 7578 section 4.7)")
            found = FormValue(start, end)
        at = end + len(opening) + 2
    raise FormError(f"the form has more than {PARTS_MAX} parts")


def _boundary(content_type: bytes) -> bytes:
    found = _BOUNDARY.findall(content_type)
    if len(found) != 1:
        raise FormError("the type of the form has no boundary, or more than one")
    quoted, plain = found[0]
    boundary: bytes = quoted or plain
    return boundary


def _behind_line(body: bytes, at: int) -> int:
    """Where the fields of a part begin: behind the rest of the line of its delimiter, which is white space at most."""
    end = body.find(b"\r\n", at, at + HEAD_MAX)
    if end < 0 or body[at:end].strip(b" \t"):
        raise FormError("there is something behind a boundary of the form")
    return end + 2


def _fields(head: bytes) -> dict[bytes, bytes]:
    """The fields of a part, by their names in lower case."""
    found: dict[bytes, bytes] = {}
    for line in head.split(b"\r\n"):
        match = _LINE(line)
        if match is None:
            raise FormError("a part of the form has a field that is none")
        name = match[1].lower()
        if name in found:
            raise FormError(f"a part of the form has more than one {name.decode()!r}")
        found[name] = match[2].rstrip(b" \t")
    return found


def _name_of(fields: dict[bytes, bytes]) -> bytes:
    """The name that the fields of a part give it."""
    disposition = _DISPOSITION(fields.get(b"content-disposition", b""))
    if disposition is None:
        raise FormError("a part of the form has no name")
    parameters = disposition[1]
    names = []
    at = 0
    while at < len(parameters):
        match = _PARAMETER.match(parameters, at)
        if match is None:
            raise FormError("a part of the form has no name that can be read")
        if match[1].lower() == b"name":
            names.append(match[2] if match[2] is not None else match[3])
        elif match[1].lower() == b"name*":
            raise FormError("a part of the form has its name in a form that is not allowed (RFC 7578 section 4.2)")
        at = match.end()
    if len(names) != 1 or b"\\" in names[0]:
        raise FormError("a part of the form has no name, more than one, or one with a backslash")
    name: bytes = names[0]
    return name
