cimport cython

from fastgw.core.exchange.ends cimport Exchange
from fastgw.filters._writer cimport Writer as Written
from fastgw.filters.log_lines cimport LogLines


cdef class TextLog:
    cdef public str name
    cdef LogLines _lines
    cdef list _pieces
    cdef bytes _last
    @cython.locals(lines=LogLines, writer=Written, literal=bytes, value=bytes, is_safe=bint, is_bare=bint)
    cpdef done(self, Exchange exchange)
