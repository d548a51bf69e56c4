"""``_glance_py`` in C, which has the rules."""

from libc.string cimport memchr, memcmp

cdef extern from *:
    """
    #include <string.h>
    """
    void *memmem(const void *where, size_t size, const void *what, size_t length)


cpdef long long glance(bytes block, Py_ssize_t begin) except -1:
    """See ``_glance_py``."""
    cdef const char* at = block
    cdef const char* end = at + len(block)
    cdef const char* line
    cdef long long count = 0
    at += begin
    line = at
    while line != NULL and end - line >= 5:
        if memcmp(line, b"data:", 5) == 0:
            count += 1
        line = <const char*>memchr(line, 10, end - line)
        if line != NULL:
            line += 1
    cdef int told = may_tell(block, begin)
    cdef const char* last = end - 16 if end - at > 16 else at
    cdef int done = memmem(last, end - last, b"[DONE]", 6) != NULL
    return count << 2 | done << 1 | told


cpdef bint may_tell(bytes block, Py_ssize_t begin) except -1:
    """See ``_glance_py``."""
    cdef const char* at = block
    cdef const char* end = at + len(block)
    cdef const char* found = at + begin
    at = found
    while True:
        found = <const char*>memmem(found, end - found, b'"usage"', 7)
        if found == NULL:
            return memmem(at, end - at, b"eval_count", 10) != NULL
        found += 7
        while found < end and found[0] in (32, 9, 13, 10, 58):
            found += 1
        if found < end and found[0] == 123:
            return True
