cimport cython

from fastgw.core.downstream cimport Downstream
from fastgw.core.exchange cimport Exchange
from fastgw.wire.messages cimport Request
from fastgw.wire.messages cimport Response


@cython.locals(request=Request, downstream=Downstream)
cpdef bytes request_head(Exchange exchange)

@cython.locals(downstream=Downstream)
cdef bytes _rare_request_head(Exchange exchange, Request request, bytes host, bytes authority)

@cython.locals(response=Response, parts=list)
cpdef bytes response_head(Exchange exchange)
