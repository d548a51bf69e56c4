# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The skim of JSON in C: the same automaton as ``_json_skim_py``, state by state, which the tests hold beside this file on every input.

What was found is told of when it is asked for: of many keys most are only there to be looked at if something else says so.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcmp, memset

from fastgw.wire._json_plain cimport fastgw_skim_whole, json_value_of, plain_end, whole_number

from fastgw.wire import json_value
from fastgw.wire.json_value import (
    AMBIGUOUS, MALFORMED, NOT_AN_OBJECT, TOO_DEEP, VALUE_MAX as _VALUE_MAX, JsonValue, JsonError, alike
)

cdef enum:  # kinds, by the numbers of ``json_value``
    STRING = 1, NUMBER, TRUE, FALSE, NULL_, OBJECT, ARRAY

cdef enum:  # states: between values, in a string, in a number, and others
    START, VALUE, VALUE_OR_END, KEY, KEY_OR_END, COLON, AFTER, END
    INSIDE, ESCAPE, HEX, PAIR, PAIR_U, TAIL
    MINUS, ZERO, INTEGER, DOT, FRACTION, E, E_SIGN, EXPONENT
    LITERAL, OVER

cdef unsigned char MEANT[256]  # by the byte behind a backslash: what both mean; 0: there is no such escape
for _letter, _meant in zip(b'"\\/bfnrt', b'"\\/\b\f\n\r\t'):
    MEANT[_letter] = _meant

if (*range(STRING, ARRAY + 1), DEPTH_MAX, KEY_MAX) != (
    json_value.STRING, json_value.NUMBER, json_value.TRUE, json_value.FALSE, json_value.NULL, json_value.OBJECT, json_value.ARRAY,
    json_value.DEPTH_MAX, json_value.KEY_MAX,
):
    raise ImportError("the numbers of this module are not those of fastgw.wire.json_value")


cdef class Skim:
    """See ``_json_skim_py.Skim``."""

    def __init__(self, tuple keys not None, int enough=0, Py_ssize_t value_max=_VALUE_MAX):
        """See ``_json_skim_py.Skim``."""
        cdef object key
        for key in keys:
            if type(key) is not bytes:
                raise TypeError("a key is not bytes")
        if len(keys) > KEYS_MAX:
            raise ValueError("there are more keys than are looked for at a time")
        self.keys = keys
        self._count = len(keys)
        self._raws = [None] * self._count
        self._enough = self._missing = enough
        self._value_max = value_max
        self._state = START
        self._wanted = -1

    cpdef value(self, int place):
        """See ``_json_skim_py.Skim``."""
        if not self.kind(place):
            return None
        return json_value_of(JsonValue, self._kinds[place], self._starts[place], self._stops[place], self._raws[place])

    cpdef int kind(self, int place) except -1:
        """See ``_json_skim_py.Skim``."""
        if not 0 <= place < self._count:
            raise IndexError("there is no such key")
        return self._kinds[place]

    cpdef long long start(self, int place) except -1:
        """See ``_json_skim_py.Skim``."""
        return self._starts[place] if self.kind(place) else 0

    cpdef long long stop(self, int place) except -1:
        """See ``_json_skim_py.Skim``."""
        return self._stops[place] if self.kind(place) else 0

    cpdef bytes raw(self, int place):
        """See ``_json_skim_py.Skim``."""
        self.kind(place)
        return <bytes> self._raws[place]

    cpdef long long number(self, int place) except -2:
        """See ``_json_skim_py.Skim``."""
        if self.kind(place) != NUMBER or self._raws[place] is None:
            return -1
        return whole_number(<bytes> self._raws[place])

    @property
    def found(self):
        """See ``_json_skim_py.Skim``."""
        return [self.value(place) for place in range(self._count)]

    @property
    def is_over(self):
        """See ``_json_skim_py.Skim``."""
        return self._state == OVER

    cpdef bint feed(self, bytes data) except -1:
        """See ``_json_skim_py.Skim``."""
        cdef:
            const unsigned char* text = <const unsigned char*> PyBytes_AS_STRING(data)
            Py_ssize_t size = PyBytes_GET_SIZE(data)
            Py_ssize_t at = 0
            int state
            unsigned char byte
        self._mark = 0
        while at < size:
            state = self._state
            if state == INSIDE:
                at = self._inside(text, at, size)
                continue
            byte = text[at]
            if state <= END:
                if byte == 0x20 or byte == 0x0A or byte == 0x0D or byte == 0x09:
                    at += 1
                    continue
                self._between(text, at, byte)
            elif state < MINUS:
                self._in_string(byte, at)
            elif state == LITERAL:
                if byte != <unsigned char> self._literal[0]:
                    raise self._error(at, "there is no value where one has to be")
                self._literal += 1
                if self._literal[0] == 0:
                    self._end_value(text, at + 1)
            elif state == OVER:
                return True
            else:
                at = self._in_number(text, at, byte)
                continue
            at += 1
        if self._kind:
            self._keep(text, size)
        self._base += size
        return self._state == OVER

    cpdef read(self, bytes data):
        """See ``_json_skim_py.Skim``: nearly all are good, and then one pass is enough."""
        cdef const unsigned char* text = <const unsigned char*> PyBytes_AS_STRING(data)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
        cdef int place
        cdef bint is_fresh = not self._enough and self._state == START and not self._base
        if not is_fresh or not fastgw_skim_whole(text, size, self.keys, self._kinds, self._starts, self._stops, self._stack):
            if is_fresh:
                memset(self._kinds, 0, sizeof(self._kinds))
            self.feed(data)
            self.finish()
            return
        self._state = END
        self._base = size
        for place in range(self._count):
            if self._kinds[place] and self._stops[place] - self._starts[place] <= self._value_max:
                self._raws[place] = PyBytes_FromStringAndSize(<const char*> text + self._starts[place], self._stops[place] - self._starts[place])

    cpdef finish(self):
        """See ``_json_skim_py.Skim``."""
        if self._state == START:
            raise self._error(0, "there is no JSON object", NOT_AN_OBJECT)
        if self._state != END and self._state != OVER:
            raise self._error(0, "the JSON ends in the middle")

    # --- between values

    cdef int _between(self, const unsigned char* text, Py_ssize_t at, unsigned char byte) except -1:
        cdef int state = self._state
        if state == VALUE or state == VALUE_OR_END:
            if byte == 0x5D and state == VALUE_OR_END:
                self._close(text, at, 0)
            else:
                self._value(at, byte)
        elif state == AFTER:
            if byte == 0x2C:
                self._state = KEY if self._stack[self._depth - 1] else VALUE
            else:
                self._close(text, at, 1 if byte == 0x7D else 0 if byte == 0x5D else 2)
        elif state == COLON:
            if byte != 0x3A:
                raise self._error(at, "there is no colon behind a key")
            self._state = VALUE
        elif state == KEY or state == KEY_OR_END:
            if byte == 0x22:
                self._state = INSIDE
                self._is_key = True
                self._is_read = self._depth == 1
                self._is_odd = False
                self._key_size = 0
                self._key_start = self._base + at
            elif state == KEY_OR_END:
                self._close(text, at, 1 if byte == 0x7D else 2)
            else:
                raise self._error(at, "a key of an object is no string")
        elif state == START:
            if byte != 0x7B:
                raise self._error(at, "it does not begin as a JSON object does", NOT_AN_OBJECT)
            self._open(at, 1)
        else:
            raise self._error(at, "there is more behind the JSON object")
        return 0

    cdef int _value(self, Py_ssize_t at, unsigned char byte) except -1:
        cdef int depth = self._depth
        cdef int kind
        if byte == 0x22:
            kind = STRING
            self._state = INSIDE
            self._is_key = self._is_read = False
        elif byte == 0x7B:
            kind = OBJECT
            self._open(at, 1)
        elif byte == 0x5B:
            kind = ARRAY
            self._open(at, 0)
        elif byte == c"t":
            kind = TRUE
            self._literal = "rue"
            self._state = LITERAL
        elif byte == c"f":
            kind = FALSE
            self._literal = "alse"
            self._state = LITERAL
        elif byte == c"n":
            kind = NULL_
            self._literal = "ull"
            self._state = LITERAL
        elif byte == 0x2D or 0x30 <= byte <= 0x39:
            kind = NUMBER
            self._state = MINUS if byte == 0x2D else ZERO if byte == 0x30 else INTEGER
        else:
            raise self._error(at, "there is no value where one has to be")
        if depth == 1 and self._wanted >= 0:
            self._kind = kind
            self._start = self._base + at
            self._mark = at
        return 0

    cdef int _open(self, Py_ssize_t at, unsigned char what) except -1:
        if self._depth == DEPTH_MAX:
            raise self._error(at, f"the JSON is nested more than {json_value.DEPTH_MAX} deep", TOO_DEEP)
        self._stack[self._depth] = what
        self._depth += 1
        self._state = KEY_OR_END if what else VALUE_OR_END
        return 0

    cdef int _close(self, const unsigned char* text, Py_ssize_t at, int what) except -1:
        if self._stack[self._depth - 1] != what:
            raise self._error(at, "a value is not followed by a comma, or by the end of what it is in")
        self._depth -= 1
        if self._depth:
            self._end_value(text, at + 1)
        else:
            self._state = END
        return 0

    cdef int _end_value(self, const unsigned char* text, Py_ssize_t stop) except -1:
        cdef object raw
        self._state = AFTER
        if not self._kind or self._depth != 1:
            return 0
        if self._parts is None and stop - self._mark <= self._value_max:
            raw = PyBytes_FromStringAndSize(<const char*> text + self._mark, stop - self._mark)
        else:
            self._keep(text, stop)
            raw = b"".join(self._parts) if self._size <= self._value_max else None
        self._kinds[self._wanted] = self._kind
        self._starts[self._wanted] = self._start
        self._stops[self._wanted] = self._base + stop
        self._raws[self._wanted] = raw
        if self._wanted < self._enough:
            self._missing -= 1
            if self._missing == 0:
                self._state = OVER
        self._parts = None
        self._size = 0
        self._kind = 0
        self._wanted = -1
        return 0

    cdef int _keep(self, const unsigned char* text, Py_ssize_t stop) except -1:
        """What lies between ``_mark`` and ``stop`` is of the value that is being read."""
        self._size += stop - self._mark
        if self._parts is None:
            self._parts = []
        if self._size <= self._value_max:
            self._parts.append(PyBytes_FromStringAndSize(<const char*> text + self._mark, stop - self._mark))
        else:
            self._parts.clear()
        return 0

    # --- strings

    cdef Py_ssize_t _inside(self, const unsigned char* text, Py_ssize_t at, Py_ssize_t size) except -1:
        cdef Py_ssize_t end = plain_end(text, at, size)
        cdef unsigned char byte
        while not self._is_read and end + 1 < size and text[end] == 0x5C and MEANT[text[end + 1]]:
            at = end + 2  # an escape of which nothing else depends
            end = plain_end(text, at, size)
        if self._is_read:
            self._read(text + at, end - at)
        if end == size:
            return end
        byte = text[end]
        if byte == 0x22:
            if self._is_key:
                self._end_key()
            else:
                self._end_value(text, end + 1)
        elif byte == 0x5C:
            self._state = ESCAPE
        elif byte < 0x20:
            raise self._error(end, "a control character stands in a string unescaped")
        else:
            self._begin_character(end, byte)
        return end + 1

    cdef int _begin_character(self, Py_ssize_t at, unsigned char byte) except -1:
        if not 0xC2 <= byte <= 0xF4:
            raise self._error(at, "a string is no UTF-8")
        self._tail = 1 if byte < 0xE0 else 2 if byte < 0xF0 else 3
        self._low = 0xA0 if byte == 0xE0 else 0x90 if byte == 0xF0 else 0x80
        self._max = 0x9F if byte == 0xED else 0x8F if byte == 0xF4 else 0xBF
        self._state = TAIL
        if self._is_read:
            self._read(&byte, 1)
        return 0

    cdef int _in_string(self, unsigned char byte, Py_ssize_t at) except -1:
        cdef int state = self._state
        cdef int digit
        cdef unsigned char meant
        if state == TAIL:
            if not self._low <= byte <= self._max:
                raise self._error(at, "a string is no UTF-8")
            self._low = 0x80
            self._max = 0xBF
            self._tail -= 1
            if not self._tail:
                self._state = INSIDE
            if self._is_read:
                self._read(&byte, 1)
        elif state == ESCAPE:
            if byte == c"u":
                self._state = HEX
                self._code = self._digits = 0
                return 0
            meant = MEANT[byte]
            if meant == 0:
                raise self._error(at, "a string has an escape that there is not")
            self._state = INSIDE
            if self._is_read:
                self._read(&meant, 1)
        elif state == HEX:
            if 0x30 <= byte <= 0x39:
                digit = byte - 0x30
            elif 0x61 <= byte | 0x20 <= 0x66:
                digit = (byte | 0x20) - 0x61 + 10
            else:
                raise self._error(at, "a string has an escape that there is not")
            self._code = self._code << 4 | digit
            self._digits += 1
            if self._digits == 4:
                self._end_escape(at)
        elif byte == (c"\\" if state == PAIR else c"u"):
            self._state = PAIR_U if state == PAIR else HEX
            self._code = self._digits = 0
        else:
            raise self._error(at, "half of a surrogate pair is missing")
        return 0

    cdef int _end_escape(self, Py_ssize_t at) except -1:
        cdef int code = self._code
        cdef bint is_low = 0xDC00 <= code <= 0xDFFF
        cdef bytes text
        if is_low != (self._high != 0):
            raise self._error(at, "half of a surrogate pair is missing")
        if 0xD800 <= code <= 0xDBFF:
            self._high = code
            self._state = PAIR
            return 0
        self._state = INSIDE
        self._high = 0
        if is_low:
            self._is_read = False
        elif self._is_read:
            text = chr(code).encode()
            self._read(<const unsigned char*> PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
        return 0

    cdef void _read(self, const unsigned char* part, Py_ssize_t size) noexcept:
        cdef Py_ssize_t place
        if self._key_size + size > KEY_MAX:
            self._is_read = False
            return
        for place in range(size):
            self._key[self._key_size] = part[place]
            self._key_size += 1
            if part[place] >= 0x80 or 0x41 <= part[place] <= 0x5A:
                self._is_odd = True

    cdef int _end_key(self) except -1:
        cdef Py_ssize_t place
        cdef bytes key
        self._state = COLON
        if self._depth != 1:
            return 0
        self._wanted = -1
        if not self._is_read:
            return 0
        for place in range(self._count):
            key = <bytes> self.keys[place]
            if PyBytes_GET_SIZE(key) == self._key_size and not memcmp(PyBytes_AS_STRING(key), self._key, self._key_size):
                self._wanted = place
                if self._kinds[place]:
                    detail = f"the key {key.decode()!r} stands there twice"
                    raise JsonError(AMBIGUOUS, detail, self._key_start, key)
                return 0
        if self._is_odd:
            key = PyBytes_FromStringAndSize(<const char*> self._key, self._key_size)
            other = alike(key, self.keys)
            if other is not None:
                detail = f"the key {key.decode()!r} is {other.decode()!r} for those who do not mind case"
                raise JsonError(AMBIGUOUS, detail, self._key_start, other)
        return 0

    # --- numbers

    cdef Py_ssize_t _in_number(self, const unsigned char* text, Py_ssize_t at, unsigned char byte) except -1:
        cdef int state = self._state
        cdef bint is_digit = 0x30 <= byte <= 0x39
        if is_digit and state != ZERO:
            if state == MINUS:
                self._state = ZERO if byte == 0x30 else INTEGER
            elif state == DOT:
                self._state = FRACTION
            elif state == E or state == E_SIGN:
                self._state = EXPONENT
        elif byte == 0x2E and (state == ZERO or state == INTEGER):
            self._state = DOT
        elif (byte == 0x65 or byte == 0x45) and (state == ZERO or state == INTEGER or state == FRACTION):
            self._state = E
        elif (byte == 0x2B or byte == 0x2D) and state == E:
            self._state = E_SIGN
        elif (state == ZERO or state == INTEGER or state == FRACTION or state == EXPONENT) and not is_digit:
            self._end_value(text, at)
            return at
        else:
            raise self._error(at, "a number is none")
        return at + 1

    cdef object _error(self, Py_ssize_t at, str detail, str reason=MALFORMED):
        return JsonError(reason, detail, self._base + at)
