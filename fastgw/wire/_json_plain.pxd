"""What stands in a string of JSON for itself, in C: nearly all bytes of a request; and a whole document in one pass.

ASCII is looked at 16 bytes at a time, or 32, and then 8: no string of a request is so short that its bytes are worth a branch each.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from cpython.tuple cimport PyTuple_SET_ITEM

cdef extern from "Python.h":
    PyObject* PyType_GenericAlloc(PyTypeObject* kind, Py_ssize_t count)

cdef enum:
    DIGITS_MAX = 18  # of a number that is taken for one

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #if defined(__SSE2__)
    #include <emmintrin.h>
    #endif
    #define ONES UINT64_C(0x0101010101010101)
    #define HIGHS UINT64_C(0x8080808080808080)

    /* The same of what is left of a piece: 8 bytes at a time, of which the first that is a quote, a backslash, below 0x20 or above 0x7F has
       the lowest bit (exact for the lowest, which alone is looked at).  Not inlined: its constants would be loaded for every string. */
    static __attribute__((noinline)) Py_ssize_t fastgw_ascii_tail(const unsigned char *text, Py_ssize_t at, Py_ssize_t size) {
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        while (at + 8 <= size) {
            uint64_t word, quote, slash, marks;
            memcpy(&word, text + at, 8);
            quote = word ^ (ONES * 0x22);
            slash = word ^ (ONES * 0x5C);
            marks = (((quote - ONES) & ~quote) | ((slash - ONES) & ~slash) | ((word - ONES * 0x20) & ~word) | word) & HIGHS;
            if (marks) return at + (__builtin_ctzll(marks) >> 3);
            at += 8;
        }
    #endif
        return at;
    }

    /* Where ASCII that stands in a string for itself ends, or a few bytes before.  By SSE2, which every x86-64 has, 16 bytes at a time:
       compared as signed numbers what is above 0x7F is below 0x20 too.  Else 32 without a branch, of which the compiler makes vectors. */
    static inline Py_ssize_t fastgw_ascii_end(const unsigned char *text, Py_ssize_t at, Py_ssize_t size) {
    #if defined(__SSE2__)
        const __m128i quote = _mm_set1_epi8(0x22), slash = _mm_set1_epi8(0x5C), space = _mm_set1_epi8(0x20);
        while (at + 16 <= size) {
            __m128i part = _mm_loadu_si128((const __m128i *)(text + at));
            __m128i known = _mm_or_si128(_mm_cmpeq_epi8(part, quote), _mm_cmpeq_epi8(part, slash));
            int found = _mm_movemask_epi8(_mm_or_si128(known, _mm_cmplt_epi8(part, space)));
            if (found) return at + __builtin_ctz((unsigned)found);
            at += 16;
        }
    #else
        while (at + 32 <= size) {
            unsigned char found = 0;
            for (int place = 0; place < 32; place++) {
                unsigned char byte = text[at + place];
                found |= ((unsigned char)(byte - 0x20) >= 0x60) | (byte == 0x22) | (byte == 0x5C);
            }
            if (found) break;
            at += 32;
        }
    #endif
        return fastgw_ascii_tail(text, at, size);
    }

    /* Bytes of the character of more than one that begins here (RFC 3629 section 4); 0: it is not whole, or wrong. */
    static Py_ssize_t fastgw_character(const unsigned char *text, Py_ssize_t left) {
        unsigned char first = text[0];
        if (left < 2 || (text[1] & 0xC0) != 0x80) return 0;
        if (0xC2 <= first && first <= 0xDF) return 2;
        if (left < 3 || (text[2] & 0xC0) != 0x80) return 0;
        if ((first & 0xF0) == 0xE0) {
            if ((first == 0xE0 && text[1] < 0xA0) || (first == 0xED && text[1] > 0x9F)) return 0;
            return 3;
        }
        if (left < 4 || (text[3] & 0xC0) != 0x80 || first < 0xF0 || first > 0xF4) return 0;
        if ((first == 0xF0 && text[1] < 0x90) || (first == 0xF4 && text[1] > 0x8F)) return 0;
        return 4;
    }

    /* The four hexadecimal digits that stand here; -1: they do not.  Behind all bytes of Python stands a 0, which is none. */
    static int fastgw_hex(const unsigned char *text) {
        int code = 0;
        for (int place = 0; place < 4; place++) {
            unsigned char byte = text[place], letter = byte | 0x20;
            if (byte >= '0' && byte <= '9') code = code << 4 | (byte - '0');
            else if (letter >= 'a' && letter <= 'f') code = code << 4 | (letter - 'a' + 10);
            else return -1;
        }
        return code;
    }

    /* Behind the escape that begins here; -1: there is no such, or half of a pair of surrogates is missing. */
    static Py_ssize_t fastgw_escape_end(const unsigned char *text, Py_ssize_t at) {
        int code, low;
        switch (text[at + 1]) {
        case '"': case '\\\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't': return at + 2;
        case 'u': break;
        default: return -1;
        }
        code = fastgw_hex(text + at + 2);
        if (code < 0 || (code >= 0xDC00 && code <= 0xDFFF)) return -1;
        if (code < 0xD800 || code > 0xDBFF) return at + 6;
        if (text[at + 6] != '\\\\' || text[at + 7] != 'u') return -1;
        low = fastgw_hex(text + at + 8);
        return low >= 0xDC00 && low <= 0xDFFF ? at + 12 : -1;
    }

    /* The quote at the end of the string whose text begins here; -1: there is none, or something in it is wrong. */
    static Py_ssize_t fastgw_string_end(const unsigned char *text, Py_ssize_t at, Py_ssize_t size) {
        while (at < size) {
            unsigned char byte;
            at = fastgw_ascii_end(text, at, size);
            byte = text[at];
            if (byte == '"') return at < size ? at : -1;
            if (byte == '\\\\') {
                at = fastgw_escape_end(text, at);
                if (at < 0) return -1;
            } else if (byte >= 0x80) {
                Py_ssize_t whole = fastgw_character(text + at, size - at);
                if (!whole) return -1;
                at += whole;
            } else if (byte < 0x20) return -1;
            else at++;
        }
        return -1;
    }

    /* The place of the key that is ``size`` bytes of ``text``; -1: it is none of ``keys``; -2: it is for the automaton to say, since it has
       escapes, or something else than ASCII in lower case. */
    static int fastgw_key_place(const unsigned char *text, Py_ssize_t size, PyObject *keys) {
        Py_ssize_t count = PyTuple_GET_SIZE(keys);
        for (Py_ssize_t place = 0; place < count; place++) {
            PyObject *key = PyTuple_GET_ITEM(keys, place);
            if (PyBytes_GET_SIZE(key) == size && !memcmp(PyBytes_AS_STRING(key), text, size)) return (int)place;
        }
        if (size > 64) return memchr(text, '\\\\', size) ? -2 : -1;
        for (Py_ssize_t at = 0; at < size; at++) {
            unsigned char byte = text[at];
            if (byte >= 0x80 || byte == '\\\\' || (byte >= 'A' && byte <= 'Z')) return -2;
        }
        return -1;
    }

    #define FASTGW_SPACES while (text[at] == ' ' || text[at] == '\\n' || text[at] == '\\r' || text[at] == '\\t') at++
    #define FASTGW_DIGITS do { if (text[at] < '0' || text[at] > '9') return -1; while (text[at] >= '0' && text[at] <= '9') at++; } while (0)

    /* Behind the number that begins here (RFC 8259 section 6); -1: there is none. */
    static Py_ssize_t fastgw_number_end(const unsigned char *text, Py_ssize_t at) {
        if (text[at] == '-') at++;
        if (text[at] == '0') at++;
        else FASTGW_DIGITS;
        if (text[at] == '.') {
            at++;
            FASTGW_DIGITS;
        }
        if ((text[at] | 0x20) == 'e') {
            at++;
            if (text[at] == '+' || text[at] == '-') at++;
            FASTGW_DIGITS;
        }
        return at;
    }

    /* A document that is here as a whole, and good, in one pass: 1, and what of ``keys`` stands where.  0: it is not, or is for the automaton
       to look at, which says what is wrong; what was written is worth nothing then.  ``text`` has a 0 behind its end, as bytes of Python
       have, so no place need be compared with ``size`` where only a byte that is no 0 goes on.  Kinds are those of ``json_value``. */
    static int fastgw_skim_whole(
        const unsigned char *text, Py_ssize_t size, PyObject *keys, int *kinds, long long *starts, long long *stops, unsigned char *stack
    ) {
        Py_ssize_t at = 0, start = 0, stop;
        int depth = 0, wanted = -1, kind = 0, found;
        FASTGW_SPACES;
        if (text[at] != '{') return 0;
    open:
        if (depth == 256) return 0;
        stack[depth++] = text[at++];
        FASTGW_SPACES;
        if (stack[depth - 1] == '[') {
            if (text[at] == ']') goto close;
            goto value;
        }
        if (text[at] == '}') goto close;
    key:
        if (text[at] != '"') return 0;
        stop = fastgw_string_end(text, at + 1, size);
        if (stop < 0) return 0;
        if (depth == 1) {
            wanted = fastgw_key_place(text + at + 1, stop - at - 1, keys);
            if (wanted == -2 || (wanted >= 0 && kinds[wanted])) return 0;
        }
        at = stop + 1;
        FASTGW_SPACES;
        if (text[at++] != ':') return 0;
        FASTGW_SPACES;
    value:
        switch (text[at]) {
        case '"':
            found = 1;
            stop = fastgw_string_end(text, at + 1, size);
            if (stop < 0) return 0;
            stop++;
            break;
        case '{': case '[':
            if (depth == 1) {
                start = at;
                kind = text[at] == '{' ? 6 : 7;
            }
            goto open;
        case 't':
            if (text[at + 1] != 'r' || text[at + 2] != 'u' || text[at + 3] != 'e') return 0;
            found = 3;
            stop = at + 4;
            break;
        case 'f':
            if (text[at + 1] != 'a' || text[at + 2] != 'l' || text[at + 3] != 's' || text[at + 4] != 'e') return 0;
            found = 4;
            stop = at + 5;
            break;
        case 'n':
            if (text[at + 1] != 'u' || text[at + 2] != 'l' || text[at + 3] != 'l') return 0;
            found = 5;
            stop = at + 4;
            break;
        default:
            found = 2;
            stop = fastgw_number_end(text, at);
            if (stop < 0) return 0;
        }
        if (depth == 1) {
            start = at;
            kind = found;
        }
        at = stop;
    end_value:
        if (depth == 1 && wanted >= 0) {
            kinds[wanted] = kind;
            starts[wanted] = start;
            stops[wanted] = at;
        }
        FASTGW_SPACES;
        if (text[at] == ',') {
            at++;
            FASTGW_SPACES;
            if (stack[depth - 1] == '{') goto key;
            goto value;
        }
        if (text[at] != stack[depth - 1] + 2) return 0;  /* in ASCII a closing bracket is the opening one and 2 */
    close:
        at++;
        if (--depth) goto end_value;
        FASTGW_SPACES;
        return at == size;
    }
    """
    Py_ssize_t fastgw_ascii_end(const unsigned char* text, Py_ssize_t at, Py_ssize_t size) nogil
    Py_ssize_t fastgw_character(const unsigned char* text, Py_ssize_t left) nogil
    int fastgw_skim_whole(
        const unsigned char* text, Py_ssize_t size, tuple keys, int* kinds, long long* starts, long long* stops, unsigned char* stack
    )


cdef inline Py_ssize_t plain_end(const unsigned char* text, Py_ssize_t at, Py_ssize_t size) noexcept nogil:
    """Where what stands in a string for itself ends."""
    cdef Py_ssize_t whole
    while at < size:
        at = fastgw_ascii_end(text, at, size)
        while at < size and 0x20 <= text[at] < 0x80 and text[at] != 0x22 and text[at] != 0x5C:
            at += 1
        if at == size or text[at] < 0x80:
            return at
        while at < size and text[at] >= 0x80:
            whole = fastgw_character(text + at, size - at)
            if whole == 0:
                return at
            at += whole
    return at


cdef inline object json_value_of(object kind_of, object kind, object start, object stop, object raw):
    """A ``JsonValue``, which is ``kind_of``, made as ``tuple.__new__`` makes one, without what is in front of that."""
    cdef PyObject* made = PyType_GenericAlloc(<PyTypeObject*> kind_of, 4)
    cdef object value, one
    cdef Py_ssize_t place = 0
    if made == NULL:
        raise MemoryError
    value = <object> made
    Py_DECREF(value)  # one reference is its own already
    for one in (kind, start, stop, raw):
        Py_INCREF(one)
        PyTuple_SET_ITEM(value, place, one)
        place += 1
    return value


cdef inline long long whole_number(bytes raw) noexcept:
    """The number that ``raw`` is, a whole one of so few digits; -1: it is no such."""
    cdef const unsigned char* text = <const unsigned char*> PyBytes_AS_STRING(raw)
    cdef Py_ssize_t at
    cdef long long found = 0
    if PyBytes_GET_SIZE(raw) > DIGITS_MAX:
        return -1
    for at in range(PyBytes_GET_SIZE(raw)):
        if not 0x30 <= text[at] <= 0x39:
            return -1
        found = found * 10 + text[at] - 0x30
    return found
