cimport cython

from fastgw.core.exchange.ends cimport Client, Exchange
from fastgw.core.snapshot.snapshot cimport Service
from fastgw.wire cimport _scan as scan
from fastgw.wire.messages cimport Request, Response

# Constants of the module, and those it imports, as C: compared without making an int of what is compared.
cdef int BODY_UNTIL_CLOSE


@cython.locals(request=Request, service=Service, authority=bytes, host=bytes, forwarded=bytes, fields=bytes, extra=bytes)
cpdef bytes request_head(Exchange exchange)

@cython.locals(service=Service)
cpdef bytes authority_of(Exchange exchange)

@cython.locals(request=Request, service=Service, authority=bytes, forwarded=bytes, fields=bytes, end=bytes)
cpdef bytes request_fields(Exchange exchange)

@cython.locals(request=Request, service=Service, extra=bytes)
cpdef bytes own_fields(Exchange exchange)

cdef tuple _with_credentials(tuple credentials, bytes fields, bytes extra)

cpdef bytes forwarded_fields(bytes address, bytes scheme, bytes version=*)

cdef bytes _forwarded(bytes seen_by, bytes scheme, bytes via)

@cython.locals(client=Client)
cdef bytes _rare_forwarded(Exchange exchange, Request request)

cdef bytes _rare_framing(Exchange exchange, Request request)

@cython.locals(response=Response, minor=int, fields=bytes, framing=bytes, date=bytes, end=bytes)
cpdef bytes response_head(Exchange exchange)
