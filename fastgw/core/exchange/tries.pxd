cimport cython

from fastgw.core cimport _counters as counters
from fastgw.core.live.endpoint cimport Endpoint
from fastgw.core.exchange.ends cimport Carrier, Exchange
from fastgw.core.snapshot.snapshot cimport Service
from fastgw.wire.messages cimport Request

# Constants of the module, and those it imports, as C: compared without making an int of what is compared.
cdef int CONNECTION, CONNECT, RESET, TIMEOUT, NO_BODY


cpdef Service chosen(Exchange exchange)

@cython.locals(is_late=bint)
cpdef bint enters(Exchange exchange) except -1

@cython.locals(service=Service, endpoint=Endpoint, carrier=Carrier)
cpdef ask(Exchange exchange, tuple candidates)

@cython.locals(service=Service, candidates=tuple)
cpdef repeat(Exchange exchange, int cause, double wait)

@cython.locals(found=tuple)
cpdef tuple others(Exchange exchange)

@cython.locals(service=Service, request=Request)
cpdef bint may_repeat(Exchange exchange) except -1

cpdef tuple advice(Exchange exchange, error)

@cython.locals(service=Service, endpoint=Endpoint, is_stale=bint, is_spared=bint, wait=double, cause=int)
cpdef bint again(Exchange exchange, error) except -1

@cython.locals(service=Service, endpoint=Endpoint)
cpdef left(Exchange exchange, error)

cpdef begin_anew(Exchange exchange)

@cython.locals(request=Request)
cdef bint _is_safe(Exchange exchange, error) except -1

@cython.locals(minds=tuple)
cpdef bint is_minded(Exchange exchange) except -1

cpdef told(Exchange exchange, error)

cpdef gone()

cpdef await_answer(Exchange exchange)

@cython.locals(endpoint=Endpoint)
cpdef leave(Exchange exchange)
