cimport cython

from fastgw.wire._json_skim cimport Skim as Skimmed

# Constants of the module, and those it imports, as C.
cdef unsigned char _BACKSLASH
cdef int _STREAM, TRUE, FALSE, NULL, NUMBER, STRING
cdef dict _PLACES


cdef class AskedModel:
    cdef public object operation
    cdef public str model
    cdef public str entry
    cdef public str sent_as
    cdef Skimmed _skim
    cpdef bint has(self, bytes key) except -1
    cpdef bint says_stream(self) except -1
    @cython.locals(kind=int, found="long long")
    cpdef long long digits(self, int place) except -3


cpdef str text_of(bytes raw)
