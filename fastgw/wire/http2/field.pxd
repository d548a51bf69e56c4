cimport cython

from fastgw.wire cimport _scan as scan
from fastgw.wire.http2 cimport _octets as octets

# Constants of the module as C.
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
cdef dict _names


@cython.final
cdef class Http2Field:
    cdef readonly bytes name
    cdef readonly bytes value
    cdef readonly bytes line
    cdef readonly int kind
    cdef readonly Py_ssize_t size
