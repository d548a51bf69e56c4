cimport cython

from fastgw.core cimport _counters as counters
from fastgw.core.endpoint cimport Endpoint
from fastgw.core.exchange cimport Exchange
from fastgw.core.snapshot cimport Service
from fastgw.core.upstream cimport Upstream
from fastgw.wire.messages cimport Request


@cython.locals(service=Service, candidates=tuple, endpoint=Endpoint, upstream=Upstream)
cpdef ask(Exchange exchange)

@cython.locals(endpoint=Endpoint)
cpdef bint again(Exchange exchange, error) except -1

@cython.locals(service=Service, request=Request)
cdef bint _is_safe(Exchange exchange, error) except -1

@cython.locals(endpoint=Endpoint)
cpdef settle(Exchange exchange)
