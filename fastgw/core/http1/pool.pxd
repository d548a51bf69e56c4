cimport cython

from fastgw.core cimport _counters as counters
from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.http1.carrier cimport Http1Carrier
from fastgw.core.live.endpoint cimport Endpoint
from fastgw.core.live.pool cimport Pool
from fastgw.core.plane cimport Plane


cdef class Http1Pool(Pool):
    cdef Endpoint _endpoint
    cdef Plane _plane
    cdef int _opening
    cdef int _max
    cdef set _tasks
    cdef public list idle
    cdef public object waiters
    cdef public object uploads
    cdef public int size
    cdef public bint is_retired
    cdef public bint is_closed
    cdef public int each
    @cython.locals(asking=Exchange, carrier=Http1Carrier, base=Py_ssize_t)
    cpdef acquire(self, exchange)
    @cython.locals(back=Http1Carrier)
    cpdef put_back(self, carrier)
    cpdef wait(self, Exchange exchange)
    cpdef _dismiss(self, carrier)
    cpdef _open_if_needed(self)
    cpdef _next_waiter(self)
    @cython.locals(idle=double)
    cdef bint _is_alive(self, Http1Carrier carrier) except -1
