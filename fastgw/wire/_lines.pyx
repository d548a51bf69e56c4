# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Field lines in C: the same functions as ``_lines_py``.  A line is looked at by the length of a name, then letter by letter."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memchr, memcpy


cdef tuple LENGTH_NAMES = (b"content-length",)


cdef inline const char* _line_end(const char* at, const char* end) noexcept:
    """Where the CRLF of the line at ``at`` begins; ``end``: it has none."""
    cdef const char* found
    while at < end:
        found = <const char*>memchr(at, 13, end - at)
        if found == NULL or found + 1 >= end:
            return end
        if found[1] == 10:
            return found
        at = found + 1
    return end


cdef inline bint _is(const char* line, const char* name, Py_ssize_t size, bint any_dash) noexcept:
    """Is it ``name``, which is in lower case?  ``any_dash``: an underscore is a dash."""
    cdef Py_ssize_t at
    cdef unsigned char byte
    for at in range(size):
        byte = line[at]
        if 65 <= byte <= 90:
            byte |= 32
        elif any_dash and byte == 95:
            byte = 45
        if byte != <unsigned char>name[at]:
            return False
    return True


cdef inline bint _begins(const char* line, const char* stop, bytes name, bint any_dash) noexcept:
    """Is the line, up to ``stop``, one of the field ``name``?"""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(name)
    return stop - line > size and line[size] == 58 and _is(line, PyBytes_AS_STRING(name), size, any_dash)


cdef inline unsigned int _letters(tuple names):
    """A bit for the letter that each begins with, whether small or large: most lines begin with another."""
    cdef unsigned int found = 0
    cdef bytes name
    for name in names:
        found |= <unsigned int> 1 << (PyBytes_AS_STRING(name)[0] & 31)
    return found


cpdef list values_of(bytes lines, bytes name, Py_ssize_t start=0):
    """See ``_lines_py``."""
    cdef const char* end = PyBytes_AS_STRING(lines) + PyBytes_GET_SIZE(lines)
    cdef const char* line = PyBytes_AS_STRING(lines) + start
    cdef const char* stop
    cdef const char* first
    cdef const char* last
    cdef list found = []
    while line < end:
        stop = last = _line_end(line, end)
        if _begins(line, stop, name, False):
            first = line + PyBytes_GET_SIZE(name) + 1
            while first < last and (first[0] == 32 or first[0] == 9):
                first += 1
            while last > first and (last[-1] == 32 or last[-1] == 9):
                last -= 1
            found.append(PyBytes_FromStringAndSize(first, last - first))
        line = stop + 2
    return found


cpdef bytes value_of(bytes lines, bytes name, Py_ssize_t start=0):
    """See ``_lines_py``."""
    cdef const char* end = PyBytes_AS_STRING(lines) + PyBytes_GET_SIZE(lines)
    cdef const char* line = PyBytes_AS_STRING(lines) + start
    cdef const char* stop
    cdef const char* first = NULL
    cdef const char* last = NULL
    while line < end:
        stop = _line_end(line, end)
        if _begins(line, stop, name, False):
            if first != NULL:
                return b", ".join(values_of(lines, name, start))
            first = line + PyBytes_GET_SIZE(name) + 1
            last = stop
        line = stop + 2
    if first == NULL:
        return None
    while first < last and (first[0] == 32 or first[0] == 9):
        first += 1
    while last > first and (last[-1] == 32 or last[-1] == 9):
        last -= 1
    return PyBytes_FromStringAndSize(first, last - first)


cpdef bint has_any(bytes lines, tuple names) except -1:
    """See ``_lines_py``."""
    cdef const char* line = PyBytes_AS_STRING(lines)
    cdef const char* end = line + PyBytes_GET_SIZE(lines)
    cdef const char* stop
    cdef bytes name
    cdef unsigned int letters = _letters(names)
    while line < end:
        stop = _line_end(line, end)
        if letters >> (line[0] & 31) & 1:
            for name in names:
                if _begins(line, stop, name, False):
                    return True
        line = stop + 2
    return False


cpdef bytes without_fields(bytes lines, names):
    """See ``_lines_py``."""
    cdef tuple wanted = tuple(names)
    cdef const char* line = PyBytes_AS_STRING(lines)
    cdef const char* end = line + PyBytes_GET_SIZE(lines)
    cdef const char* kept = line  # from here on, up to ``line``, all is kept and not yet copied
    cdef const char* stop
    cdef char* out = NULL
    cdef Py_ssize_t size = 0
    cdef bytes made = None
    cdef bytes name
    cdef unsigned int letters = _letters(wanted)
    while line < end:
        stop = _line_end(line, end)
        for name in (wanted if letters >> (line[0] & 31) & 1 else ()):
            if _begins(line, stop, name, False):
                if made is None:
                    made = PyBytes_FromStringAndSize(NULL, PyBytes_GET_SIZE(lines))
                    out = PyBytes_AS_STRING(made)
                memcpy(out + size, kept, line - kept)
                size += line - kept
                kept = stop + 2 if stop < end else end
                break
        line = stop + 2
    if made is None:
        return lines
    memcpy(out + size, kept, end - kept)
    return PyBytes_FromStringAndSize(out, size + (end - kept))


cpdef bytes with_length(bytes lines, long long length):
    """See ``_lines_py``."""
    cdef bytes rest = without_fields(lines, LENGTH_NAMES)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(rest)
    cdef char digits[24]
    cdef int count = 0
    cdef bytes made
    cdef char* out
    while length or not count:
        digits[count] = 48 + length % 10
        length //= 10
        count += 1
    made = PyBytes_FromStringAndSize(NULL, size + 16 + count + 2)
    out = PyBytes_AS_STRING(made)
    memcpy(out, PyBytes_AS_STRING(rest), size)
    out += size
    memcpy(out, b"content-length: ", 16)
    out += 16
    while count:
        count -= 1
        out[0] = digits[count]
        out += 1
    out[0] = 13
    out[1] = 10
    return made


cpdef set names_like(bytes lines, names):
    """See ``_lines_py``."""
    cdef const char* line = PyBytes_AS_STRING(lines)
    cdef const char* end = line + PyBytes_GET_SIZE(lines)
    cdef const char* stop
    cdef set found = set()
    cdef bytes name
    if memchr(line, 95, end - line) == NULL:
        return found
    while line < end:
        stop = _line_end(line, end)
        for name in names:
            if _begins(line, stop, name, True):
                found.add(PyBytes_FromStringAndSize(line, PyBytes_GET_SIZE(name)).lower())
        line = stop + 2
    return found.difference(names)


cpdef bytes behind(bytes value, bytes scheme):
    """See ``_lines_py``."""
    cdef const char* first = PyBytes_AS_STRING(value)
    cdef const char* last = first + PyBytes_GET_SIZE(value)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(scheme)
    if last - first < size or not _is(first, PyBytes_AS_STRING(scheme), size, False):
        return None
    first += size
    if first == last or first[0] != 32:
        return b""
    while first < last and first[0] == 32:
        first += 1
    while last > first and last[-1] == 32:
        last -= 1
    return PyBytes_FromStringAndSize(first, last - first)
