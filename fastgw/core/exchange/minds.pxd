cimport cython

from fastgw.core.exchange cimport arriving, tries
from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.snapshot.snapshot cimport Service
from fastgw.wire.messages cimport Response


@cython.locals(response=Response)
cpdef bint refuses_misfit(Exchange exchange) except -1


cdef class Statuses:
    cdef frozenset _statuses
    cdef frozenset _codes
    cdef object _budget
    @cython.locals(service=Service)
    cdef bint _is_asked_again(self, Exchange exchange) except -1
    @cython.locals(response=Response)
    cdef bint _is_meant(self, Exchange exchange) except -1
