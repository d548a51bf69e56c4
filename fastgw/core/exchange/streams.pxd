cimport cython

from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.exchange.streaming cimport StreamingHook
from fastgw.wire.sse cimport BlockReader


cdef class StreamHook(StreamingHook):
    cdef Exchange _exchange
    cdef long long _serial
    cdef str _form
    cdef BlockReader _reader
    cdef bytes _began
    cdef bint _is_own
    cdef bint _tells
    cdef double _event_timeout
    cdef double _keep_alive
    cdef double _event_at
    cdef double _sent_at
    cdef object _timer
    @cython.locals(block=bytes)
    cpdef bytes feed(self, bytes data)
    cpdef bytes finish(self)
    @cython.locals(begin=Py_ssize_t, now=double, is_told=bint)
    cdef _mark(self, bytes block)
