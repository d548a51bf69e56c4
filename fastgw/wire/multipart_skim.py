"""The value of one field of a form with files (``multipart/form-data``, RFC 7578), found without touching the other parts.

A body that two readers could read differently is refused: a looked-for field that stands there twice, a part without a name, what is no
part.  Files may have anything in them but the delimiter, which is looked for as bytes: CRLF, two hyphens and the boundary.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

BOUNDARY_MAX: Final = 70  #: characters of a boundary (RFC 2046 section 5.1.1)
PARTS_MAX: Final = 256  #: parts of a body
HEAD_MAX: Final = 4096  #: bytes of the fields of a part

_BOUNDARY: Final = re.compile(rb';[ \t]*boundary=(?:"([^"\\\r\n]{1,70})"|([^\s";,]{1,70}))[ \t]*(?=;|$)', re.IGNORECASE)
_TYPE: Final = re.compile(rb"multipart/form-data[ \t]*(;|$)", re.IGNORECASE)
_DISPOSITION: Final = re.compile(
    rb"(?:^|\r\n)content-disposition:[ \t]*form-data[ \t]*(;[^\r\n]*)(?=\r\n|$)", re.IGNORECASE
)
_PARAMETER: Final = re.compile(rb';[ \t]*([!#-\'*+.^_`|~0-9A-Za-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s";]+))[ \t]*')
_ENCODING: Final = re.compile(rb"(?:^|\r\n)content-transfer-encoding:[ \t]*+(?!7bit|8bit|binary)", re.IGNORECASE)


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
    delimiter = b"\r\n" + opening
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
        end = body.find(delimiter, at)
        if end < 0:
            raise FormError("the form ends in the middle")
        start = body.find(b"\r\n\r\n", at, min(end, at + HEAD_MAX)) + 4
        if start == 3:
            raise FormError("a part of the form has no fields, or no end of them")
        head = body[at : start - 2]
        if _name_of(head) == name:
            if found is not None:
                raise FormError(f"the field {name.decode()!r} stands there twice")
            if _ENCODING.search(head):
                raise FormError(f"the field {name.decode()!r} is encoded, which is not allowed (RFC 7578 section 4.7)")
            found = FormValue(start, end)
        at = end + len(delimiter)
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


def _name_of(head: bytes) -> bytes:
    """The name that the fields of a part, each with its CRLF, give it."""
    found = _DISPOSITION.findall(head)
    if len(found) != 1:
        raise FormError("a part of the form has no name, or more than one")
    parameters = found[0]
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
