from fastgw.core.exchange.ends cimport Exchange


cdef class StreamHook:
    cdef Exchange _exchange
    cdef long long _serial
    cdef str _form
    cdef object _reader
    cdef str _dialect
    cdef bint _is_own
    cdef bint _tells
    cdef double _event_timeout
    cdef double _keep_alive
    cdef double _event_at
    cdef double _sent_at
    cdef object _timer
    cpdef feed(self, bytes data)
    cpdef finish(self)
    cdef _mark(self, bytes block)
