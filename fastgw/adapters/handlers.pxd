cimport cython

from fastgw.adapters.calls cimport CallCarrier, CallPool
from fastgw.core cimport _counters as counters
from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.plane cimport Plane
from fastgw.wire.messages cimport Request


cdef class HandlerRequest:
    cdef bytes _address
    cdef bytes _head
    cdef bytes _method
    cdef bytes _path
    cdef bytes _query
    cdef bytes _scheme
    cdef public bytes body
    cdef public object params


cdef class HandlerPool(CallPool):
    pass


cdef class HandlerCarrier(CallCarrier):
    cdef object _handler
    cpdef _type_problem(self, Exchange exchange)
    @cython.locals(request=Request, plane=Plane)
    cpdef answer(self, Exchange exchange)
    cdef _request(self, Exchange exchange)
    @cython.locals(exchange=Exchange, status=int, fields=bytes, body=bytes)
    cdef _respond(self, object found)
