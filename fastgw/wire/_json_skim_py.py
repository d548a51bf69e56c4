"""The skim of JSON, in Python: an automaton with a state for each place in the grammar (RFC 8259), which is between two bytes always.

Runs of bytes that change nothing (white space, the inside of strings, digits) are passed by an expression each; every other byte is one
step.  Keys of the outermost object are read byte by byte, unescaped, as they may be one that is looked for.

    START ─▶ KEY_OR_END ─▶ STRING ─▶ COLON ─▶ VALUE ─▶ ... ─▶ AFTER ─┬▶ KEY ─▶ STRING ...
                                                                     ├▶ VALUE (in an array)
                                                                     └▶ AFTER, or END of the outermost
"""

from __future__ import annotations

import re
from typing import Final

from fastgw.wire.json_value import (
    AMBIGUOUS,
    ARRAY,
    DEPTH_MAX,
    FALSE,
    KEY_MAX,
    MALFORMED,
    NOT_AN_OBJECT,
    NULL,
    NUMBER,
    OBJECT,
    STRING,
    TOO_DEEP,
    TRUE,
    VALUE_MAX,
    JsonError,
    JsonValue,
    alike,
)

(_START, _VALUE, _VALUE_OR_END, _KEY, _KEY_OR_END, _COLON, _AFTER, _END) = range(8)
#: Of a string: _PAIR: a low surrogate has to follow; _TAIL: of UTF-8.  Then of a number, behind what they are called.
(_INSIDE, _ESCAPE, _HEX, _PAIR, _PAIR_U, _TAIL) = range(8, 14)
(_MINUS, _ZERO, _INTEGER, _DOT, _FRACTION, _E, _E_SIGN, _EXPONENT) = range(14, 22)
_LITERAL: Final = 22
_OVER: Final = 23  #: enough was found

_SPACE: Final = re.compile(rb"[ \t\n\r]*+").match
_DIGITS: Final = re.compile(rb"[0-9]*+").match
#: What stands in a string for itself: whole characters of UTF-8 (RFC 3629 section 4), no quote, backslash or control character.
_PLAIN: Final = re.compile(
    rb"(?:[\x20\x21\x23-\x5b\x5d-\x7f]++|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}"
    rb"|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})*+"
).match
_ESCAPES: Final = {
    ord(letter): value for letter, value in zip('"\\/bfnrt', b'"\\/\b\f\n\r\t', strict=True)
}  #: by the byte behind the backslash
_LITERALS: Final = {ord("t"): (b"true", TRUE), ord("f"): (b"false", FALSE), ord("n"): (b"null", NULL)}
_NUMBER_MAY_END: Final = (_ZERO, _INTEGER, _FRACTION, _EXPONENT)
_NO_KEY: Final = -1
_DIGITS_MAX: Final = 18  #: of a number that is taken for one


class Skim:
    """One document on its way: feed it, and see what was found."""

    __slots__ = (
        "_base",
        "_code",
        "_digits",
        "_enough",
        "_high",
        "_is_key",
        "_is_read",
        "_key",
        "_key_start",
        "_kind",
        "_literal",
        "_low",
        "_mark",
        "_max",
        "_parts",
        "_size",
        "_stack",
        "_start",
        "_state",
        "_tail",
        "_value_max",
        "_wanted",
        "found",
        "keys",
    )

    def __init__(self, keys: tuple[bytes, ...], enough: int = 0, value_max: int = VALUE_MAX) -> None:
        """
        Args:
            keys: looked for in the outermost object, up to 16; ASCII, in lower case, of up to 21 bytes each.
            enough: the skim is over when the first ``enough`` of ``keys`` were found, and what is behind them is not looked at; 0: all is.
            value_max: bytes of a value that are kept.
        """
        self.keys = keys
        self.found: list[JsonValue | None] = [None] * len(
            keys
        )  #: in the order of ``keys``; None: it is not there, or not yet
        self._enough = enough
        self._value_max = value_max
        self._state = _START
        self._stack = bytearray()  #: the containers that are open: 1 for an object, 0 for an array
        self._base = 0  #: bytes of the pieces before this one
        self._wanted = _NO_KEY  #: place in ``keys`` of the one whose value is being read, or is to come
        self._kind = 0  #: of that value; 0: it has not begun
        self._start = 0  #: where it begins
        self._mark = 0  #: where in this piece it begins, or goes on
        self._parts: list[bytes] = []  #: of it, from the pieces before this one
        self._size = 0  #: bytes of those
        self._is_key = False  #: the string is one
        self._is_read = False  #: and of the outermost object, and not too long
        self._key = bytearray()  #: as it is read
        self._key_start = 0  #: where its quote stands
        self._code = self._digits = 0  #: of a \\u, as far as it is read
        self._high = 0  #: the surrogate that the next has to go with, 0: none
        self._tail = self._low = self._max = (
            0  #: bytes of a character that have to follow, and between which bounds the next lies
        )
        self._literal = b""  #: what is left of it

    def value(self, place: int) -> JsonValue | None:
        """What was found for the key at this place of ``keys``; None: it is not there, or not yet.

        Raises:
            IndexError: there is no such key.
        """
        if place < 0:
            raise IndexError("there is no such key")
        return self.found[place]

    def kind(self, place: int) -> int:
        """What kind of value that is; 0: as above.  Raises IndexError."""
        return value.kind if (value := self.value(place)) is not None else 0

    def start(self, place: int) -> int:
        """Where it begins; 0: as above.  Raises IndexError."""
        return value.start if (value := self.value(place)) is not None else 0

    def stop(self, place: int) -> int:
        """Behind its last byte; 0: as above.  Raises IndexError."""
        return value.stop if (value := self.value(place)) is not None else 0

    def raw(self, place: int) -> bytes | None:
        """The bytes of it; None: as above, or they are more than are kept.  Raises IndexError."""
        return value.raw if (value := self.value(place)) is not None else None

    def number(self, place: int) -> int:
        """The whole number that it is, not below 0 and of up to 18 digits; -1: it is none.  Raises IndexError."""
        raw = self.raw(place) if self.kind(place) == NUMBER else None
        return int(raw) if raw is not None and len(raw) <= _DIGITS_MAX and raw.isdigit() else -1

    def read(self, data: bytes) -> None:
        """All of a document at once: as ``feed`` and ``finish``.

        Raises:
            JsonError: as those.
        """
        self.feed(data)
        self.finish()

    @property
    def is_over(self) -> bool:
        """Whether enough was found: nothing more need be fed."""
        return self._state == _OVER

    def feed(self, data: bytes) -> bool:
        """Look at the next piece; whether the skim ``is_over``.

        Raises:
            JsonError: the document is refused, and this skim is of no use any more.
        """
        at, size = 0, len(data)
        self._mark = 0
        while at < size:
            state = self._state
            if state == _INSIDE:
                at = self._inside(data, at)
            elif state <= _END:
                at = self._between(data, at)
            elif state < _MINUS:
                self._in_string(data[at], at)
                at += 1
            elif state == _LITERAL:
                at = self._in_literal(data, at)
            elif state == _OVER:
                return True
            else:
                at = self._in_number(data, at)
        if self._kind:
            self._keep(data[self._mark :])
        self._base += size
        return self._state == _OVER

    def finish(self) -> None:
        """There is no more.

        Raises:
            JsonError: there should be.
        """
        if self._state == _START:
            raise self._error(0, "there is no JSON object", NOT_AN_OBJECT)
        if self._state not in (_END, _OVER):
            raise self._error(0, "the JSON ends in the middle")

    # --- between values

    def _between(self, data: bytes, at: int) -> int:
        """Pass white space, and one byte behind it; where to go on."""
        at = _SPACE(data, at).end()  # type: ignore[union-attr]
        if at == len(data):
            return at
        byte, state = data[at], self._state
        if state in (_VALUE, _VALUE_OR_END):
            if byte == 0x5D and state == _VALUE_OR_END:
                self._close(data, at, 0)
            else:
                self._value(data, at, byte)
        elif state == _AFTER:
            if byte == 0x2C:
                self._state = _KEY if self._stack[-1] else _VALUE
            else:
                self._close(data, at, 1 if byte == 0x7D else 0 if byte == 0x5D else 2)
        elif state == _COLON:
            if byte != 0x3A:
                raise self._error(at, "there is no colon behind a key")
            self._state = _VALUE
        elif state in (_KEY, _KEY_OR_END):
            if byte == 0x22:
                self._state, self._is_key = _INSIDE, True
                self._is_read = len(self._stack) == 1
                self._key.clear()
                self._key_start = self._base + at
            elif state == _KEY_OR_END:
                self._close(data, at, 1 if byte == 0x7D else 2)
            else:
                raise self._error(at, "a key of an object is no string")
        elif state == _START:
            if byte != 0x7B:
                raise self._error(at, "it does not begin as a JSON object does", NOT_AN_OBJECT)
            self._open(at, 1)
        else:
            raise self._error(at, "there is more behind the JSON object")
        return at + 1

    def _value(self, data: bytes, at: int, byte: int) -> None:
        """``byte``, at ``at``, is the first of a value."""
        depth = len(self._stack)
        if byte == 0x22:
            kind, self._state, self._is_key, self._is_read = STRING, _INSIDE, False, False
        elif byte == 0x7B:
            kind = OBJECT
            self._open(at, 1)
        elif byte == 0x5B:
            kind = ARRAY
            self._open(at, 0)
        elif byte in _LITERALS:
            self._literal, kind = _LITERALS[byte]
            self._literal = self._literal[1:]
            self._state = _LITERAL
        elif byte == 0x2D or 0x30 <= byte <= 0x39:
            kind = NUMBER
            self._state = _MINUS if byte == 0x2D else _ZERO if byte == 0x30 else _INTEGER
        else:
            raise self._error(at, "there is no value where one has to be")
        if depth == 1 and self._wanted >= 0:
            self._kind, self._start, self._mark = kind, self._base + at, at

    def _open(self, at: int, what: int) -> None:
        if len(self._stack) == DEPTH_MAX:
            raise self._error(at, f"the JSON is nested more than {DEPTH_MAX} deep", TOO_DEEP)
        self._stack.append(what)
        self._state = _KEY_OR_END if what else _VALUE_OR_END

    def _close(self, data: bytes, at: int, what: int) -> None:
        """An object (1) or an array (0) ends, if it is that which is open; 2: neither does."""
        if self._stack[-1] != what:
            raise self._error(at, "a value is not followed by a comma, or by the end of what it is in")
        self._stack.pop()
        if self._stack:
            self._end_value(data, at + 1)
        else:
            self._state = _END

    def _end_value(self, data: bytes, stop: int) -> None:
        """A value ends in front of ``stop``."""
        self._state = _AFTER
        if not self._kind or len(self._stack) != 1:
            return
        self._keep(data[self._mark : stop])
        raw = b"".join(self._parts) if self._size <= self._value_max else None
        self.found[self._wanted] = JsonValue(self._kind, self._start, self._base + stop, raw)
        self._parts, self._size, self._kind, self._wanted = [], 0, 0, _NO_KEY
        if self._enough and None not in self.found[: self._enough]:
            self._state = _OVER

    def _keep(self, part: bytes) -> None:
        """``part`` is of the value that is being read: keep it, unless that is too much already."""
        self._size += len(part)
        if self._size <= self._value_max:
            self._parts.append(part)
        else:
            self._parts.clear()

    # --- strings

    def _inside(self, data: bytes, at: int) -> int:
        """Pass what stands in a string for itself, and one byte behind it."""
        end = _PLAIN(data, at).end()  # type: ignore[union-attr]
        if self._is_read:
            self._read(data[at:end])
        if end == len(data):
            return end
        byte = data[end]
        if byte == 0x22:
            if self._is_key:
                self._end_key()
            else:
                self._end_value(data, end + 1)
        elif byte == 0x5C:
            self._state = _ESCAPE
        elif byte < 0x20:
            raise self._error(end, "a control character stands in a string unescaped")
        else:
            self._begin_character(end, byte)
        return end + 1

    def _begin_character(self, at: int, byte: int) -> None:
        """``byte`` is the first of a character of more than one, which is not whole in this piece, or wrong (RFC 3629 section 4)."""
        if not 0xC2 <= byte <= 0xF4:
            raise self._error(at, "a string is no UTF-8")
        self._tail = 1 if byte < 0xE0 else 2 if byte < 0xF0 else 3
        self._low = 0xA0 if byte == 0xE0 else 0x90 if byte == 0xF0 else 0x80
        self._max = 0x9F if byte == 0xED else 0x8F if byte == 0xF4 else 0xBF
        self._state = _TAIL
        if self._is_read:
            self._read(bytes((byte,)))

    def _in_string(self, byte: int, at: int) -> None:
        """The next byte of a character or an escape."""
        state = self._state
        if state == _TAIL:
            if not self._low <= byte <= self._max:
                raise self._error(at, "a string is no UTF-8")
            self._low, self._max = 0x80, 0xBF
            self._tail -= 1
            if not self._tail:
                self._state = _INSIDE
            if self._is_read:
                self._read(bytes((byte,)))
        elif state == _ESCAPE:
            if byte == 0x75:
                self._state, self._code, self._digits = _HEX, 0, 0
            elif byte in _ESCAPES:
                self._state = _INSIDE
                if self._is_read:
                    self._read(bytes((_ESCAPES[byte],)))
            else:
                raise self._error(at, "a string has an escape that there is not")
        elif state == _HEX:
            digit = b"0123456789abcdef".find(byte | 0x20) if byte > 0x2F else -1
            if digit < 0 or (digit < 10 and byte > 0x39):
                raise self._error(at, "a string has an escape that there is not")
            self._code = self._code << 4 | digit
            self._digits += 1
            if self._digits == 4:
                self._end_escape(at)
        elif byte == (0x5C if state == _PAIR else 0x75):
            self._state, self._code, self._digits = (_PAIR_U if state == _PAIR else _HEX), 0, 0
        else:
            raise self._error(at, "half of a surrogate pair is missing")

    def _end_escape(self, at: int) -> None:
        """The four digits behind ``\\u`` are read."""
        code = self._code
        is_low = 0xDC00 <= code <= 0xDFFF
        if is_low != bool(self._high):
            raise self._error(at, "half of a surrogate pair is missing")
        if 0xD800 <= code <= 0xDBFF:
            self._high = code
            self._state = _PAIR
            return
        self._state, self._high = _INSIDE, 0
        if is_low:
            self._is_read = False  # a character that no key looked for has, and none folds to
        elif self._is_read:
            self._read(chr(code).encode())

    def _read(self, part: bytes) -> None:
        """``part`` is of a key of the outermost object."""
        self._key += part
        if len(self._key) > KEY_MAX:
            self._is_read = False

    def _end_key(self) -> None:
        self._state = _COLON
        if len(self._stack) != 1:
            return
        self._wanted = _NO_KEY
        if not self._is_read:
            return
        key = bytes(self._key)
        if key in self.keys:
            self._wanted = self.keys.index(key)
            if self.found[self._wanted] is not None:
                detail = f"the key {key.decode()!r} stands there twice"
                raise JsonError(AMBIGUOUS, detail, self._key_start, key)
        elif (other := alike(key, self.keys)) is not None:
            detail = f"the key {key.decode()!r} is {other.decode()!r} for those who do not mind case"
            raise JsonError(AMBIGUOUS, detail, self._key_start, other)

    # --- numbers and literals

    def _in_number(self, data: bytes, at: int) -> int:
        """Pass more of a number, or see that it has ended: then the byte at ``at`` is what follows."""
        byte, state = data[at], self._state
        is_digit = 0x30 <= byte <= 0x39
        if is_digit and state != _ZERO:
            if state == _MINUS:
                self._state = _ZERO if byte == 0x30 else _INTEGER
                return at + 1
            self._state = {_DOT: _FRACTION, _E: _EXPONENT, _E_SIGN: _EXPONENT}.get(state, state)
            return _DIGITS(data, at).end()  # type: ignore[union-attr]
        if byte == 0x2E and state in (_ZERO, _INTEGER):
            self._state = _DOT
        elif byte in b"eE" and state in (_ZERO, _INTEGER, _FRACTION):
            self._state = _E
        elif byte in b"+-" and state == _E:
            self._state = _E_SIGN
        elif state in _NUMBER_MAY_END and not is_digit:
            self._end_value(data, at)
            return at
        else:
            raise self._error(at, "a number is none")
        return at + 1

    def _in_literal(self, data: bytes, at: int) -> int:
        if data[at] != self._literal[0]:
            raise self._error(at, "there is no value where one has to be")
        self._literal = self._literal[1:]
        if not self._literal:
            self._end_value(data, at + 1)
        return at + 1

    def _error(self, at: int, detail: str, reason: str = MALFORMED) -> JsonError:
        return JsonError(reason, detail, self._base + at)
