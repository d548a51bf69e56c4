cimport cython

from fastgw.adapters.local cimport LocalCarrier, LocalPool
from fastgw.core cimport _counters as counters
from fastgw.core.exchange.body cimport RequestBody
from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.plane cimport Plane
from fastgw.wire.messages cimport Request


cdef class CallPool(LocalPool):
    cdef public Py_ssize_t _base
    cdef public object _endpoint
    cdef public Plane _plane
    cdef public str _told
    cdef public Py_ssize_t running
    cdef public str service
    cdef public object waiting
    cpdef acquire(self, exchange)
    cpdef _check_health(self)
    cpdef _check_line(self)
    cpdef submit(self, CallCarrier carrier)
    cpdef end(self)
    cdef _begin(self, CallCarrier carrier)
    cdef _fill(self)


cdef class CallCarrier(LocalCarrier):
    cdef public object task
    cdef public object _instance
    cdef public bint _is_refused
    cdef public Plane _plane
    cdef public CallPool _pool
    cdef public object _room
    @cython.locals(body=RequestBody, held=bytes)
    cpdef carry(self, Exchange exchange)
    @cython.locals(body=RequestBody, exchange=Exchange)
    cpdef send_body(self, bytes data, bint is_last)
    @cython.locals(request=Request)
    cpdef _problem(self, Exchange exchange)
    cpdef _type_problem(self, Exchange exchange)
    cpdef answer(self, Exchange exchange)
    @cython.locals(body=bytes)
    cpdef bytes take_body(self, Exchange exchange)
    cpdef leave(self)
    cpdef release(self, int bit)
    @cython.locals(exchange=Exchange)
    cpdef answered(self, bytes data)
    cpdef over(self)
