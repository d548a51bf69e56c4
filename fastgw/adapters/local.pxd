cimport cython

from fastgw.core.exchange cimport arriving
from fastgw.core.exchange.body cimport RequestBody
from fastgw.core.exchange.ends cimport Carrier, Exchange
from fastgw.core.live.pool cimport Pool
from fastgw.wire.messages cimport Request, Response

# Constants that it imports, as C: compared without making an int of what is compared.
cdef int BODY_LENGTH, BODY_NONE, BODY_UNTIL_CLOSE
cdef long long NO_LENGTH


cdef class LocalCarrier(Carrier):
    cpdef answer(self, Exchange exchange)
    cpdef bint takes_body(self, Exchange exchange) except -1
    cpdef carry(self, Exchange exchange)
    cpdef answer_soon(self, Exchange exchange)
    cpdef send_body(self, bytes data, bint is_last)
    cpdef let_go(self, bint is_request_done)
    cpdef leave(self)
    cpdef hold(self, int bit)
    cpdef release(self, int bit)
    cpdef write(self, bytes data)
    cpdef close(self)
    cpdef abort(self)
    @cython.locals(exchange=Exchange)
    cdef _answer_now(self)
    @cython.locals(response=Response, is_bare=bint, has_length=bint, has_body=bint, request=Request)
    cpdef bint send_head(self, Exchange exchange, int status, bytes fields, long long size) except -1


cdef class LocalPool(Pool):
    cdef object _make
    cpdef acquire(self, exchange)
    cpdef cancel(self, exchange)
    cpdef on_request_done(self, exchange)
    cpdef end_upload(self, exchange)
    cpdef put_back(self, carrier)
    cpdef on_closed(self, carrier)
