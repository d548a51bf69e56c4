cimport cython

from fastgw.wire cimport _scan as scan

from fastgw.wire.http2.field cimport Http2Field

cdef int PLAIN
cdef int METHOD
cdef int SCHEME
cdef int AUTHORITY
cdef int PATH
cdef int PROTOCOL
cdef int STATUS
cdef int COOKIE
cdef int HOST
cdef int MALFORMED


cdef set _passing
cdef frozenset _METHODS
cdef dict _firsts


cdef class RequestSection:
    cdef readonly bytes head
    cdef readonly bytes method
    cdef readonly bytes scheme
    cdef readonly bytes authority
    cdef readonly bytes path
    cdef readonly bytes protocol
    @cython.locals(lines=list, cookies=list, host=Http2Field, seen=int, is_inside=bint, kind=int, field=Http2Field, method=bytes)
    cpdef read(self, long stream, list fields)
    cdef _take(self, int kind, bytes value)
    cdef _check(self, long stream, int seen, Http2Field host)


@cython.locals(field=Http2Field)
cpdef bytes read_trailers(long stream, list fields)
@cython.locals(field=Http2Field, status=bytes, first=bytes, lines=list)
cpdef bytes read_response(long stream, list fields)
