cimport cython

from fastgw.core cimport _counters as counters
from fastgw.core.live.endpoint cimport Endpoint
from fastgw.core.exchange.ends cimport Carrier, Exchange
from fastgw.core.snapshot.snapshot cimport Service
from fastgw.wire.messages cimport Request

# Constants of the module, and those it imports, as C: compared without making an int of what is compared.
cdef int CONNECTION


cpdef Service chosen(Exchange exchange)

@cython.locals(service=Service, endpoint=Endpoint, carrier=Carrier)
cpdef ask(Exchange exchange, tuple candidates)

@cython.locals(service=Service, endpoint=Endpoint, is_stale=bint, is_spared=bint, tried=tuple, candidates=tuple)
cpdef bint again(Exchange exchange, error) except -1

@cython.locals(service=Service, endpoint=Endpoint)
cpdef left(Exchange exchange, error)

cpdef begin_anew(Exchange exchange)

@cython.locals(request=Request)
cdef bint _is_safe(Exchange exchange, error) except -1

cpdef bint is_minded(Exchange exchange) except -1

cpdef told(Exchange exchange, error)

@cython.locals(endpoint=Endpoint)
cpdef leave(Exchange exchange)
