cimport cython

from fastgw.filters._writer cimport Writer as Written
from fastgw.filters.log_lines cimport LogLines


cdef class TextLog:
    cdef public str name
    cdef LogLines _lines
    cdef list _pieces
    cdef bytes _last
    @cython.locals(lines=LogLines, writer=Written, literal=bytes, escape=int)
    cpdef done(self, object exchange)
