cimport cython

from fastgw.core cimport _counters as counters
from fastgw.core.exchange cimport tries
from fastgw.core.exchange.body cimport RequestBody
from fastgw.core.exchange.ends cimport Carrier, Exchange
from fastgw.core.plane cimport Plane
from fastgw.core.snapshot.snapshot cimport Route, Service
from fastgw.wire.messages cimport Request

# Constants of the module, and those it imports, as C: compared without making an int of what is compared.
cdef int ANSWER, BODY, HOOKS, HOLD_PENDING
cdef double NEVER


@cython.locals(body=RequestBody, passed=bytes)
cpdef on_data(Exchange exchange, bytes data)

@cython.locals(body=RequestBody, carrier=Carrier)
cdef _pass_on(Exchange exchange, bytes data)

cpdef refuse(Exchange exchange)

@cython.locals(request=Request, route=Route, body_wait=double)
cpdef wait(Exchange exchange)

cpdef ask_for_more(Exchange exchange)

@cython.locals(passed=bytes)
cpdef go_on(Exchange exchange, bytes data)

cdef bint _is_call(Exchange exchange) except -1

cpdef bint on_deadline(Exchange exchange, double now) except -1

cpdef stop(Exchange exchange)

@cython.locals(body=RequestBody)
cpdef bint is_too_slow(Exchange exchange, double now, double after) except -1

@cython.locals(body=RequestBody, plane=Plane)
cdef _keep(Exchange exchange, bytes out)

@cython.locals(body=RequestBody, plane=Plane)
cpdef send_held(Exchange exchange)

@cython.locals(body=RequestBody, service=Service, method=bytes)
cdef bint _may_be_kept(Exchange exchange) except -1

cdef bint _has_room(Exchange exchange) except -1

@cython.locals(body=RequestBody)
cdef _keep_sent(Exchange exchange, bytes data)

@cython.locals(body=RequestBody)
cpdef forget(Exchange exchange)

cpdef bint is_full(Exchange exchange) except -1

@cython.locals(body=RequestBody)
cdef _on_kept(Exchange exchange)

cdef _go(Exchange exchange)

@cython.locals(left=double, pause=double)
cdef _set_deadline(Exchange exchange)
