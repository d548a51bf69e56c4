from fastgw.adapters.asgi_call cimport ApplicationCarrier
from fastgw.adapters.calls cimport CallPool
from fastgw.core.exchange.ends cimport Exchange


cdef class AsgiPool(CallPool):
    cpdef acquire(self, exchange)


cdef class AsgiCarrier(ApplicationCarrier):
    cdef public object _arrived
    cdef public Py_ssize_t _held
    cdef public bint _is_complete
    cdef public bint _is_read
    cpdef carry(self, Exchange exchange)
    cpdef send_body(self, bytes data, bint is_last)
    cdef _arrive(self, bytes data)
    cpdef answer(self, Exchange exchange)
    cpdef leave(self)
    cdef _take(self, Exchange exchange)
