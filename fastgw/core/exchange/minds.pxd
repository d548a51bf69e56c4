cimport cython

from fastgw.core.exchange cimport arriving, tries
from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.snapshot.snapshot cimport Service


cdef class Statuses:
    cdef frozenset _statuses
    cdef object _budget
    @cython.locals(service=Service)
    cdef bint _is_asked_again(self, Exchange exchange) except -1
