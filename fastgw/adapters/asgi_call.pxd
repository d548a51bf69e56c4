cimport cython

from fastgw.adapters.calls cimport CallCarrier
from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.http1 cimport heads
from fastgw.wire.messages cimport Request


cdef class ApplicationCarrier(CallCarrier):
    cdef public object _waiting
    cdef public int _status
    cdef public bytes _fields
    cdef public long long _length
    cdef public long long _sent
    cpdef leave(self)
    cpdef _begin_answer(self, message)


@cython.locals(request=Request, headers=list, line=bytes, name=bytes, value=bytes, path=str)
cpdef dict scope_of(Exchange exchange, application)
