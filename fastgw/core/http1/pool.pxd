cimport cython

from fastgw.core cimport _counters as counters
from fastgw.core.dataplane cimport DataPlane
from fastgw.core.live.endpoint cimport Endpoint
from fastgw.core.exchange.relay cimport Exchange
from fastgw.core.http1.carrier cimport Upstream


cdef class Pool:
    cdef Endpoint _endpoint
    cdef DataPlane _plane
    cdef int _opening
    cdef set _tasks
    cdef public list idle
    cdef public object waiters
    cdef public object uploads
    cdef public int size
    cdef public bint is_retired
    cdef public bint is_closed
    cdef public object settings
    cdef public object shortage
    @cython.locals(upstream=Upstream, base=Py_ssize_t)
    cpdef Upstream acquire(self, Exchange exchange)
    cpdef put_back(self, Upstream upstream)
    @cython.locals(idle=double)
    cdef bint _is_alive(self, Upstream upstream) except -1
