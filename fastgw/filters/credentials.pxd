cimport cython

from fastgw.wire cimport _lines as field_lines
from fastgw.wire.messages cimport Request


cdef list _lines_of(Request request, bytes name)


cdef class Finder:
    cdef public tuple removed
    cpdef list tokens(self, Request request)
    cpdef tuple removal(self, Request request)


cdef class _Field(Finder):
    cdef bytes _name
    cdef bytes _scheme
    @cython.locals(values=list, one=bytes)
    cpdef list tokens(self, Request request)


cdef class _Cookie(Finder):
    cdef object _match
    cpdef list tokens(self, Request request)
    cpdef tuple removal(self, Request request)


cdef class _Parameter(Finder):
    cdef bytes _name
    cdef bint _is_it(self, bytes pair) except -1
    cpdef list tokens(self, Request request)
    cpdef tuple removal(self, Request request)


cdef class Editor:
    cdef Finder _place
    cdef frozenset _fields
    cdef tuple _removed
    cdef bint _is_gone
    cdef frozenset _names
    cdef frozenset _before
    cdef frozenset _after
    @cython.locals(like=set)
    cpdef edit(self, Request request, bytes lines)
    cdef frozenset _united(self, frozenset edited)
