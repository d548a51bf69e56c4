cimport cython

from fastgw.wire cimport _scan as scan
from fastgw.wire.fields cimport FieldTable
from fastgw.wire.messages cimport Request


# A constant of the module as C.
cdef int SLASH


cdef class RequestReader:
    cdef dict _hosts
    cdef object _parser
    cdef bint _is_inside_message
    cdef public int head_count
    cdef public int uri_length
    cdef public frozenset methods
    cpdef read(self, bytes head, Request request, FieldTable table)
    @cython.locals(target=bytes, authority=bytes, host=bytes, method=bytes)
    cdef _route(self, Request request)
    cdef _check_grammar(self, bytes head)
