cimport cython

from fastgw.core.exchange.ends cimport Exchange
from fastgw.filters cimport log_variables
from fastgw.policy.sampler cimport Sampler


cdef class SampledLog:
    cdef public str name
    cdef object _always
    cdef object _picked
    cdef double _slow
    cdef Sampler _sampler
    cdef frozenset _failed
    @cython.locals(status=int)
    cpdef done(self, Exchange exchange)


cdef bint _is_cut(Exchange exchange) except -1
