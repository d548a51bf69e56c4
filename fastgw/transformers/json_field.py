"""One long string in a JSON body, found in its bytes as they come: it is never in memory as a whole, and never parsed.

What stands around it is kept, and has a bound.  At the end that is parsed, with an empty string in the place of the long one: so it is a
strict parser that says whether the body was JSON (RFC 8259), and what is done here has to be right for bodies that are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import orjson

from fastgw.errors import DownstreamError

DEPTH_MAX: Final = 64  #: objects and lists inside each other
TOKENS_MAX: Final = 4096  #: strings, brackets, colons and commas around the string: each takes time of the loop

_TOKEN: Final = re.compile(rb'["{}\[\],:]')
_INSIDE: Final = re.compile(
    rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL
)  #: of a string, up to its quote or a backslash that is the last byte
#: What encoders write differently in text that is ASCII: PHP writes ``\/``, .NET ``\u002B``, Gson ``\u003d``.
_ESCAPE: Final = re.compile(rb"\\u00([2-7][0-9a-fA-F])")
_UNFINISHED: Final = re.compile(rb"\\(?:u[0-9a-fA-F]{0,3})?\Z")

_BETWEEN, _IN_STRING, _IN_VALUE = range(3)


class JsonField:
    """Reads one body; ``feed`` returns what has come of the string at ``path``."""

    def __init__(self, path: Sequence[str], rest_max: int) -> None:
        """``path``: keys of objects inside each other; ``rest_max``: bytes of everything but the string."""
        self._path = [one.encode() for one in path]
        self._rest_max = rest_max
        self._rest = bytearray()
        self._state = _BETWEEN
        self._tokens = 0
        self._is_begun = False  #: the outermost object or list was there
        self._frames: list[bool] = []  #: of each open object or list: is it an object?
        self._on_path = 0  #: how many of them, from the outermost, lead to the string
        self._expects_key = False
        self._is_here = False  #: the next value is that of the next key of the path
        self._key_at = -1  #: where in the rest the string begins that is a key on the path
        self._is_escaped = False  #: the last byte of a string was its backslash
        self._carry = b""  #: an escape that is not complete
        self._seen: set[int] = set()  #: how many keys of the path led to those that were there
        self._value_at = -1  #: where in the rest the string stood
        self.size = 0  #: bytes of the string so far, as it was written
        self.is_complete = False  #: its closing quote was there

    def feed(self, data: bytes) -> bytes:
        """More of the body.

        Raises:
            DownstreamError: 413 ``json_too_large``; 400 ``json_malformed``; 422 ``field_missing`` or ``base64_malformed``.
        """
        out: list[bytes] = []
        at, end = 0, len(data)
        while at < end:
            if self._state == _IN_VALUE:
                at = self._value(data, at, out)
            elif self._state == _IN_STRING:
                at = self._string(data, at)
            else:
                at = self._between(data, at)
        return b"".join(out) if len(out) != 1 else out[0]

    def finish(self) -> None:
        """There is no more.

        Raises:
            DownstreamError: 400 ``json_malformed``, it was not JSON; 422 ``field_missing``, there was no string at the path.
        """
        if self._state == _IN_VALUE:
            raise DownstreamError(400, "json_malformed", "the body ends inside the string that it is read for")
        try:
            orjson.loads(self._rest)
        except orjson.JSONDecodeError as error:
            raise DownstreamError(400, "json_malformed", f"the body is no JSON: {self._told(error)}") from None
        if not self.is_complete:
            raise self._missing("has no string")

    def _told(self, error: orjson.JSONDecodeError) -> str:
        """What the parser says, with the place in the whole body."""
        place = error.pos
        if self._value_at >= 0 and place > len(self._rest[: self._value_at].decode(errors="replace")):
            place += self.size
        return f"{error.msg.partition(':')[0]}, at character {place + 1}"

    def _missing(self, why: str) -> DownstreamError:
        return DownstreamError(422, "field_missing", f"the body {why} in {b'.'.join(self._path).decode()!r}")

    # --- what stands around the string

    def _keep(self, data: bytes, start: int, end: int) -> None:
        self._rest += data[start:end]
        if len(self._rest) > self._rest_max:
            detail = f"the body has more than {self._rest_max} bytes beside the field that it is read for"
            raise DownstreamError(413, "json_too_large", detail)

    def _between(self, data: bytes, at: int) -> int:
        found = _TOKEN.search(data, at)
        end = found.end() if found is not None else len(data)
        self._keep(data, at, end)
        if found is None:
            return end
        self._tokens += 1
        if self._tokens > TOKENS_MAX:
            detail = f"the body has more than {TOKENS_MAX} strings, brackets, colons and commas beside the field that it is read for"
            raise DownstreamError(413, "json_too_large", detail)
        token = found[0]
        if token == b'"':
            self._begin_string()
        elif token == b":":
            self._expects_key = False
        elif token == b",":
            self._end_value()
            self._expects_key = bool(self._frames) and self._frames[-1]
        elif token in b"{[":
            self._open(is_object=token == b"{")
        else:
            self._end_value()
            self._close()
        return end

    @property
    def _is_on_path(self) -> bool:
        return 0 < len(self._frames) == self._on_path

    def _begin_string(self) -> None:
        is_here, self._is_here = self._is_here, False
        self._state = _IN_STRING
        self._key_at = -1
        if self._expects_key:
            if self._is_on_path:
                self._key_at = len(self._rest) - 1
        elif is_here and self._on_path == len(self._path):
            self._state = _IN_VALUE
            self._value_at = len(self._rest)

    def _open(self, *, is_object: bool) -> None:
        if self._is_here and self._on_path == len(self._path):
            raise self._missing("has an object or a list, and no string,")
        if len(self._frames) == DEPTH_MAX:
            detail = f"the body has more than {DEPTH_MAX} objects and lists inside each other"
            raise DownstreamError(400, "json_malformed", detail)
        if is_object and (self._is_here or not self._is_begun):
            self._on_path += 1
        self._is_begun = True
        self._frames.append(is_object)
        self._expects_key = is_object
        self._is_here = False

    def _close(self) -> None:
        if self._frames:
            self._frames.pop()
        self._on_path = min(self._on_path, len(self._frames))
        self._expects_key = False

    def _end_value(self) -> None:
        if self._is_here and self._on_path == len(self._path):
            raise self._missing("has a number, true, false or null, and no string,")
        self._is_here = False

    def _string(self, data: bytes, at: int) -> int:
        """A string that is not the one: up to its closing quote."""
        found = _INSIDE.match(data, at + self._is_escaped)
        end = found.end() if found is not None else len(data)
        is_over = data[end : end + 1] == b'"'
        self._is_escaped = end < len(data) and not is_over
        end = min(end + 1, len(data))
        self._keep(data, at, end)
        if is_over:
            self._state = _BETWEEN
            if self._key_at >= 0:
                self._on_key(bytes(self._rest[self._key_at :]))
        return end

    def _on_key(self, key: bytes) -> None:
        """A key of an object on the path, with its quotes."""
        name = key[1:-1]
        if b"\\" in key:
            try:
                name = orjson.loads(key).encode()
            except orjson.JSONDecodeError:
                raise DownstreamError(400, "json_malformed", "the body has a key with an escape that is none") from None
        if name == self._path[self._on_path - 1]:
            if self._on_path in self._seen:
                raise self._missing("has two values, so nobody knows which is meant,")
            self._seen.add(self._on_path)
            self._is_here = True

    # --- the string

    def _value(self, data: bytes, at: int, out: list[bytes]) -> int:
        end = data.find(b'"', at)
        is_last = end >= 0
        if not is_last:
            end = len(data)
        self.size += end - at
        text = self._carry + data[at:end]
        self._carry = b""
        if b"\\" in text:
            text = self._unescaped(text, is_last)
        if text:
            out.append(text)
        if is_last:
            self._state = _BETWEEN
            self.is_complete = True
            end += 1
            self._keep(data, end - 1, end)
        return end

    def _unescaped(self, text: bytes, is_last: bool) -> bytes:
        unfinished = None if is_last else _UNFINISHED.search(text)
        if unfinished is not None:
            self._carry = text[unfinished.start() :]
            text = text[: unfinished.start()]
        if b"\\\\" not in text:
            text = text.replace(b"\\/", b"/")  # the one that is met by the thousand
            text = _ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), text)
        if b"\\" in text:
            raise DownstreamError(422, "base64_malformed", "the field has an escape that is no character of base64")
        return text
