cimport cython

from fastgw.core.exchange.ends cimport Exchange
from fastgw.wire cimport _scan as scan

cdef tuple _LOW


cdef class RequestId:
    cdef public str name
    cdef unsigned long long _count
    cdef bytes _prefix
    cdef bytes _stem
    cdef _next_stem(self)
    @cython.locals(low=int)
    cpdef request(self, Exchange exchange)
    cpdef response(self, Exchange exchange)
