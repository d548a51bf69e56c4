cimport cython

from fastgw.core.exchange.ends cimport Client, Exchange
from fastgw.core.http1 cimport heads
from fastgw.wire cimport _scan as scan
from fastgw.wire.messages cimport Response

# Constants of the module, and those it imports, as C: compared without making an int of what is compared.
cdef int BODY_CHUNKED, BODY_UNTIL_CLOSE


cdef class Http1Answers(Client):
    cdef bytes _head
    cdef bint _is_encoding
    cpdef _open(self)
    cpdef bint wants_data(self, Exchange exchange) except -1
    cpdef bint takes_trailers(self, Exchange exchange) except -1
    cpdef send_interim(self, Exchange exchange)
    @cython.locals(kind=int)
    cpdef send_head(self, Exchange exchange)
    cpdef send_body(self, bytes data)
    cpdef send_last(self, bytes data)
    @cython.locals(response=Response, head=bytes, body=bytes)
    cpdef Py_ssize_t send_reply(self, Exchange exchange, object reply) except -1
    cpdef cut(self, Exchange exchange)
    cdef bint _ends_call(self, Exchange exchange) except -1
