from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.http2.link cimport put_early
from fastgw.core.http2.stream cimport Http2Stream
from fastgw.wire.messages cimport Response


cdef class TunnelStream(Http2Stream):
    cdef object _tunnel
    cdef bint _is_over
    cpdef _open(self)
    cpdef begin(self, Exchange exchange, bint is_last)
    cpdef on_data(self, bytes payload, Py_ssize_t size, bint is_last)
    cpdef _hand_on_early(self)
    cdef _pass_on(self, bytes payload)
    cpdef send_head(self, Exchange exchange)
    cpdef on_reset(self)
    cpdef close(self)
