# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The byte work in C: the same functions as ``_scan_py``, which the tests hold beside this file on every input.

A head is walked once.  Lines that are end to end are copied as they are into one buffer; a line whose name might be special (by its
length, first and third letter, ``FieldTable.suspects``) is looked up like in the plain twin.  Grammar errors are told apart from the rest
by the twin: whatever this file does not like is handed to it, so messages and statuses have one source.  It is imported when the first such
head comes: a worker that has seen none is half a mebibyte smaller.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp, memcpy

from fastgw.wire.fields cimport FieldTable
from fastgw.wire.messages cimport Request
from fastgw.wire.messages cimport Response

from fastgw.wire import fields
from fastgw.wire.special import request_field, response_field, without_nominated

cdef extern from "Python.h":
    Py_ssize_t PyTuple_GET_SIZE(object tuple)
    PyObject* PyTuple_GET_ITEM(object tuple, Py_ssize_t place)
    bint PyBytes_CheckExact(PyObject* thing)

DEF STACK = 8192

cdef const char* HEX = "0123456789abcdef"

cdef enum:  # kinds, by the numbers of ``fields``: constants, so that the compiler knows what is left once one was told
    KEEP = 0
    DROP = 1
    HOST = 2
    CONTENT_LENGTH = 3
    CONNECTION = 5
    DATE = 14
    TE = 8

ctypedef fused Head:
    Request
    Response

cdef unsigned char TOKEN[256]  # 1: may stand in a field name
cdef unsigned char VALUE[256]  # 1: may stand in a field value
cdef unsigned char PLAIN[256]  # 1: stands in a target for itself, see scan_target


cdef void _fill_tables() noexcept:
    cdef int byte
    for byte in range(256):
        TOKEN[byte] = PLAIN[byte] = 0
        VALUE[byte] = byte == 9 or (byte >= 32 and byte != 127)
    for byte in b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ":
        TOKEN[byte] = 1
    for byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/?":
        PLAIN[byte] = 1


_fill_tables()
if (KEEP, DROP, HOST, CONTENT_LENGTH, CONNECTION, DATE, TE) != (
    fields.KEEP, fields.DROP, fields.HOST, fields.CONTENT_LENGTH, fields.CONNECTION, fields.DATE, fields.TE
):
    raise ImportError("the kinds of this module are not those of fastgw.wire.fields")


cdef inline int _kind(FieldTable table, const unsigned char* suspects, const char* name, Py_ssize_t size) except? -2:
    """The kind of a field name; most are told from their length, first and third letter not to be special."""
    cdef bytes key
    if size < 64 and not suspects[(size << 5) | (name[0] & 31)] >> (name[2] & 7) & 1 and memchr(name, c"_", size) == NULL:
        return 0
    if size == 4 and (memcmp(name, b"Host", 4) == 0 or memcmp(name, b"host", 4) == 0):
        return table.host
    if size == 4 and (memcmp(name, b"Date", 4) == 0 or memcmp(name, b"date", 4) == 0):
        return table.date
    if size == 14 and (memcmp(name, b"Content-Length", 14) == 0 or memcmp(name, b"content-length", 14) == 0):
        return table.content_length
    key = PyBytes_FromStringAndSize(name, size)
    found = table.seen.get(key)
    return table.learn(key) if found is None else found


cdef inline bytes _stripped(const char* start, const char* end):
    while start < end and (start[0] == c" " or start[0] == c"\t"):
        start += 1
    while start < end and ((end - 1)[0] == c" " or (end - 1)[0] == c"\t"):
        end -= 1
    return PyBytes_FromStringAndSize(start, end - start)


cdef inline bint _says(const char* start, const char* end, bytes option) noexcept:
    """Whether a value is this one lower-case word, behind one space or none, in letters of any case."""
    cdef const char* word = PyBytes_AS_STRING(option)
    cdef Py_ssize_t place
    if start < end and start[0] == c" ":
        start += 1
    if end - start != PyBytes_GET_SIZE(option):
        return False
    for place in range(end - start):
        if start[place] | 32 != word[place]:  # so is "-"; what else becomes a letter, becomes none of a token's
            return False
    return True


cdef inline long long _length(const char* start, const char* end) noexcept:
    """The value of a Content-Length of up to 18 digits, or -1: the twin says what is wrong with it, if anything."""
    cdef long long number = 0
    cdef const char* at = start
    while at < end and at[0] == c" ":
        at += 1
    if 0 < end - at < 19:
        while at < end and c"0" <= at[0] <= c"9":
            number = number * 10 + at[0] - c"0"
            at += 1
        if at == end:
            return number
    return -1


cdef inline int _take(Head message, int kind, const char* start, const char* end) except? -2:
    """Take note of a field that this kind of message has for itself; returns KEEP if it is relayed all the same."""
    if Head is Request:
        if kind == HOST:
            message.host_count += 1
            message.authority = _stripped(start, end)
        elif kind == CONNECTION and message.minor and _says(start, end, b"close"):
            message.closes = True
        elif kind == TE and _says(start, end, b"trailers"):
            message.te_trailers = message.rare = True
        else:
            request_field(message, kind, _stripped(start, end))
    else:
        if kind == DATE:
            message.has_date = True
            return KEEP
        response_field(message, kind, _stripped(start, end))
    return DROP


cdef inline bint _scan_fields(
    const char* at, const char* end, Head message, FieldTable table, int head_count
) except -1:
    """Take the field lines from ``at`` to ``end`` apart; False: one of them is for the twin to judge.  One loop, which the compiler makes
    twice: what is asked of ``Head`` costs nothing."""
    cdef:
        const unsigned char* suspects = <const unsigned char*> PyBytes_AS_STRING(table.suspects)
        const char* line
        const char* colon
        char stack[STACK]
        char* kept = stack
        Py_ssize_t used = 0
        int count = 0
        int kind
    if end - at > STACK:
        kept = <char*> malloc(end - at)
        if kept == NULL:
            raise MemoryError
    try:
        while at < end:
            count += 1
            line = at
            while TOKEN[<unsigned char> at[0]]:
                at += 1
            colon = at
            if count > head_count or colon == line or colon[0] != c":":
                return False
            if Head is Request:  # its values were checked by httptools
                at = <const char*> memchr(colon, c"\r", end - colon)
            else:
                at += 1
                while VALUE[<unsigned char> at[0]]:
                    at += 1
                if at[0] != c"\r" or at[1] != c"\n":
                    return False
            at += 2
            kind = _kind(table, suspects, line, colon - line)
            if kind != KEEP:
                if kind == CONTENT_LENGTH:
                    message.length_count += 1
                    message.content_length = _length(colon + 1, at - 2)
                    if message.content_length < 0:
                        return False
                    kind = KEEP
                elif kind == CONNECTION and message.minor and _says(colon + 1, at - 2, b"keep-alive"):
                    pass  # what HTTP/1.1 does anyway
                elif kind != DROP:
                    kind = _take(message, kind, colon + 1, at - 2)
            if kind == KEEP:
                memcpy(kept + used, line, at - line)
                used += at - line
        message.fields = PyBytes_FromStringAndSize(kept, used)
    finally:
        if kept != stack:
            free(kept)
    if message.rare and PyBytes_GET_SIZE(message.connection):
        message.fields = without_nominated(message.fields, message.connection)
    return True


cdef _twin():
    from fastgw.wire import _scan_py

    return _scan_py


cpdef scan_request(bytes head, Request request, FieldTable table, int head_count):
    """See ``_scan_py.scan_request``; the grammar of ``head`` was checked by httptools."""
    cdef:
        const char* at = PyBytes_AS_STRING(head)
        const char* end = at + PyBytes_GET_SIZE(head) - 2  # the final empty line
        const char* line_end = <const char*> memchr(at, c"\r", end - at)
        const char* space = <const char*> memchr(at, c" ", end - at)
        const char* target
    if line_end == NULL or space == NULL or line_end - space < 11:
        _twin().scan_request(head, request, table, head_count)
        return
    target = space + 1
    space = line_end - 9
    if memcmp(space, b" HTTP/1.", 8) != 0 or memchr(target, c" ", space - target) != NULL or space == target:
        _twin().scan_request(head, request, table, head_count)
        return
    if space[8] != c"1" and space[8] != c"0":
        _twin().scan_request(head, request, table, head_count)
        return
    request.minor = space[8] - c"0"
    request.method = PyBytes_FromStringAndSize(at, target - 1 - at)
    request.target = PyBytes_FromStringAndSize(target, space - target)
    request.host_count = 0
    request.length_count = 0
    request.content_length = -1
    request.closes = False
    if not _scan_fields(line_end + 2, end, request, table, head_count):
        request.reset_rare()
        _twin().scan_request(head, request, table, head_count)


cpdef scan_response(bytes head, Response response, FieldTable table, int head_count):
    """See ``_scan_py.scan_response``."""
    cdef:
        const char* start = PyBytes_AS_STRING(head)
        const char* at = start
        const char* end = at + PyBytes_GET_SIZE(head) - 2
    # "HTTP/1.1 200 OK": anything else, the reason missing included, is left to the twin.
    if end - at < 15 or memcmp(at, b"HTTP/1.1 ", 9) != 0 or at[12] != c" " or not (
        c"1" <= at[9] <= c"9" and c"0" <= at[10] <= c"9" and c"0" <= at[11] <= c"9"
    ):
        _twin().scan_response(head, response, table, head_count)
        return
    response.minor = 1
    response.has_date = False
    response.length_count = 0
    response.content_length = -1
    response.status = (at[9] - c"0") * 100 + (at[10] - c"0") * 10 + at[11] - c"0"
    at += 13
    while VALUE[<unsigned char> at[0]]:
        at += 1
    if at[0] != c"\r" or at[1] != c"\n":
        _twin().scan_response(head, response, table, head_count)
        return
    at += 2
    response.line = PyBytes_FromStringAndSize(start, at - start)
    if not _scan_fields(at, end, response, table, head_count):
        response.reset_rare()
        _twin().scan_response(head, response, table, head_count)


cpdef Py_ssize_t find_head_end(bytes data, Py_ssize_t start) noexcept:
    """See ``_scan_py.find_head_end``."""
    # Line by line with memchr, which looks at 32 bytes at once: a quarter of the instructions of glibc's memmem.
    cdef const char* text = PyBytes_AS_STRING(data)
    cdef const char* last = text + PyBytes_GET_SIZE(data) - 4
    cdef const char* at = text + start
    while at <= last:
        at = <const char*> memchr(at, c"\r", last - at + 1)
        if at == NULL:
            return -1
        if at[1] == c"\n" and at[2] == c"\r" and at[3] == c"\n":
            return at - text
        at += 1
    return -1


cpdef bytes cut(bytes data, Py_ssize_t start, Py_ssize_t stop):
    """See ``_scan_py.cut``."""
    if data is None or not 0 <= start <= stop <= PyBytes_GET_SIZE(data):
        raise IndexError("cut: not a part of the bytes")
    return PyBytes_FromStringAndSize(PyBytes_AS_STRING(data) + start, stop - start)


cpdef bytes join(tuple pieces):
    """See ``_scan_py.join``."""
    cdef Py_ssize_t count = PyTuple_GET_SIZE(pieces)
    cdef Py_ssize_t size = 0
    cdef Py_ssize_t place
    cdef PyObject* piece  # borrowed: the tuple holds it
    cdef bytes whole
    cdef char* at
    for place in range(count):
        piece = PyTuple_GET_ITEM(pieces, place)
        if not PyBytes_CheckExact(piece):
            raise TypeError("join: a piece is not bytes")
        size += PyBytes_GET_SIZE(<object> piece)
    whole = PyBytes_FromStringAndSize(NULL, size)
    at = PyBytes_AS_STRING(whole)
    for place in range(count):
        piece = PyTuple_GET_ITEM(pieces, place)
        size = PyBytes_GET_SIZE(<object> piece)
        memcpy(at, PyBytes_AS_STRING(<object> piece), size)
        at += size
    return whole


cpdef bytes pair(bytes first, bytes second):
    """See ``_scan_py``."""
    cdef Py_ssize_t size, more
    cdef bytes whole
    if first is None or second is None:
        raise TypeError("pair: a piece is not bytes")
    size = PyBytes_GET_SIZE(first)
    more = PyBytes_GET_SIZE(second)
    whole = PyBytes_FromStringAndSize(NULL, size + more)
    memcpy(PyBytes_AS_STRING(whole), PyBytes_AS_STRING(first), size)
    memcpy(PyBytes_AS_STRING(whole) + size, PyBytes_AS_STRING(second), more)
    return whole


cpdef bytes framed(bytes data):
    """See ``_scan_py``."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    cdef Py_ssize_t left = size
    cdef int digits = 1
    cdef bytes whole
    cdef char* at
    while left >> (digits << 2):
        digits += 1
    whole = PyBytes_FromStringAndSize(NULL, digits + size + 4)
    at = PyBytes_AS_STRING(whole) + digits
    memcpy(at, b"\r\n", 2)
    memcpy(at + 2, PyBytes_AS_STRING(data), size)
    memcpy(at + 2 + size, b"\r\n", 2)
    while digits:
        digits -= 1
        at -= 1
        at[0] = HEX[left & 15]
        left >>= 4
    return whole


cpdef bint scan_target(bytes target, Request request) except -1:
    """See ``_scan_py.scan_target``."""
    cdef const unsigned char* text = <const unsigned char*> PyBytes_AS_STRING(target)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(target)
    cdef Py_ssize_t mark = size
    cdef Py_ssize_t at
    for at in range(size):
        if not PLAIN[text[at]]:
            return False
        if text[at] == c"?" and mark == size:
            mark = at
        elif text[at] == c"." and at and text[at - 1] == c"/":
            return False
    request.target = target
    if mark == size:
        request.path = target
        request.query = b""
    else:
        request.path = PyBytes_FromStringAndSize(<const char*> text, mark)
        request.query = PyBytes_FromStringAndSize(<const char*> text + mark, size - mark)
    return True


cpdef long long scan_chunk_line(bytes data, Py_ssize_t at) noexcept:
    """See ``_scan_py.scan_chunk_line``."""
    cdef:
        const char* text = PyBytes_AS_STRING(data) + at
        Py_ssize_t left = PyBytes_GET_SIZE(data) - at
        Py_ssize_t digits = 0
        long long size = 0
        char byte
    while digits < left and digits < 15:
        byte = text[digits]
        if c"0" <= byte <= c"9":
            size = size * 16 + byte - c"0"
        elif c"a" <= (byte | 32) <= c"f":
            size = size * 16 + (byte | 32) - c"a" + 10
        else:
            break
        digits += 1
    if digits == 0 or digits > 14 or digits + 2 > left or text[digits] != c"\r" or text[digits + 1] != c"\n":
        return -1
    return size * 32 + digits + 2


def masked(bytes data, bytes mask):
    """See ``_scan_py``."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    cdef Py_ssize_t at
    cdef unsigned long long key, word
    cdef bytes out = PyBytes_FromStringAndSize(NULL, size)
    cdef const char* source = PyBytes_AS_STRING(data)
    cdef char* target = PyBytes_AS_STRING(out)
    cdef const char* four = PyBytes_AS_STRING(mask)
    if PyBytes_GET_SIZE(mask) != 4:
        raise ValueError("a mask has four bytes")
    memcpy(&key, four, 4)
    memcpy(<char*>&key + 4, four, 4)
    for at in range(size >> 3):
        memcpy(&word, source + (at << 3), 8)
        word ^= key
        memcpy(target + (at << 3), &word, 8)
    for at in range(size & ~7, size):
        target[at] = source[at] ^ four[at & 3]
    return out


cdef extern from *:
    """
    #include <string.h>
    #if defined(__SSE2__)
    #include <emmintrin.h>
    #endif
    /* Where "base64" begins; -1: nowhere.  By its digits, which in text seldom stand beside each other, 16 places at a time. */
    static Py_ssize_t fastgw_base64(const char *text, Py_ssize_t at, Py_ssize_t size) {
    #if defined(__SSE2__)
    #define SIX(part) _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(text + at + 4) + (part)), six)
        const __m128i six = _mm_set1_epi8('6'), four = _mm_set1_epi8('4');
        while (at + 21 <= size) {
            /* text has so few sixes that 64 places are looked at for them first */
            while (at + 68 <= size && !_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(SIX(0), SIX(1)), _mm_or_si128(SIX(2), SIX(3))))) at += 64;
            if (at + 21 > size) break;
            __m128i first = _mm_loadu_si128((const __m128i *)(text + at + 4));
            __m128i second = _mm_loadu_si128((const __m128i *)(text + at + 5));
            unsigned found = (unsigned)_mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(first, six), _mm_cmpeq_epi8(second, four)));
            for (; found; found &= found - 1) {
                Py_ssize_t place = at + __builtin_ctz(found);
                if (!memcmp(text + place, "base64", 6)) return place;
            }
            at += 16;
        }
    #endif
        for (; at + 6 <= size; at++) if (!memcmp(text + at, "base64", 6)) return at;
        return -1;
    }
    """
    Py_ssize_t fastgw_base64(const char* text, Py_ssize_t at, Py_ssize_t size)


def find_base64(bytes data, Py_ssize_t start):
    """See ``_scan_py``."""
    return fastgw_base64(PyBytes_AS_STRING(data), start, PyBytes_GET_SIZE(data)) if start >= 0 else -1
