cimport cython

from fastgw.core cimport _counters as counters
from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.http1.pool cimport Http1Pool
from fastgw.core.http2.service cimport Http2Service

# Constants, as C.
cdef int NOWHERE, SHARED, IDLE


cdef class Http2Pool(Http1Pool):
    cdef public set links
    cdef public list shared
    @cython.locals(asking=Exchange)
    cpdef acquire(self, exchange)
    @cython.locals(link=Http2Service)
    cdef _found(self, Exchange exchange)
    cpdef put_back(self, carrier)
    cpdef on_room(self, Http2Service link)
    @cython.locals(place=int)
    cpdef arrange(self, Http2Service link)
    cpdef _withdraw(self, Http2Service link)
    cpdef on_closed(self, carrier)
