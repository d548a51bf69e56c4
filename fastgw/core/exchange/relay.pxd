cimport cython

from fastgw.core cimport _counters as counters
from fastgw.core.exchange cimport arriving, hooks, passage, tries
from fastgw.core.exchange.ends cimport Carrier, Client, Exchange
from fastgw.core.plane cimport Plane
from fastgw.core.snapshot.chain cimport Chain
from fastgw.core.snapshot.snapshot cimport Listener, Route, Service
from fastgw.wire.messages cimport Request, Response

# Constants of the module, and those it imports, as C: compared without making an int of what is compared.
cdef int ANSWER, BODY, CONNECTION, HOOKS, STREAM, HOLD_PEER, HOLD_PENDING, BODY_NONE
cdef long long NO_LENGTH
cdef double NEVER


cdef class Relay(Exchange):
    cdef object _header
    @cython.locals(request=Request)
    cpdef begin(self, Client client, Listener listener)
    @cython.locals(request=Request)
    cdef bint _is_answered(self, Client client, Listener listener) except -1
    cpdef enter(self, Client client, Listener listener, Route route)
    @cython.locals(plane=Plane, request=Request)
    cdef _start(self, Client client, Listener listener, Route route)
    cpdef on_request_body(self, bytes data)
    @cython.locals(route=Route, service=Service)
    cpdef dispatch(self)
    @cython.locals(route=Route)
    cpdef on_admitted(self)
    @cython.locals(client=Client)
    cdef bint _read_body(self) except -1
    cpdef on_carrier(self, Carrier carrier)
    cpdef ask_again(self)
    cpdef on_interim(self)
    cpdef on_upgrade(self)
    @cython.locals(leaving=tuple)
    cpdef on_head(self)
    @cython.locals(carrier=Carrier)
    cpdef set_aside(self)
    @cython.locals(service=Service, seconds=double)
    cdef _count_answer(self, double now)
    @cython.locals(chain=Chain, size="long long")
    cpdef answer_is_ready(self)
    cdef _send_head(self)
    @cython.locals(passed=bytes)
    cdef bytes _pass(self, bytes data, bint is_last)
    @cython.locals(client=Client, passed=bytes)
    cpdef on_body(self, bytes data, long long payload)
    @cython.locals(carrier=Carrier, passed=bytes)
    cpdef on_last_body(self, bytes data, long long payload)
    @cython.locals(response=Response)
    cpdef reply(self, object reply)
    cdef _send_reply(self, object reply)
    @cython.locals(client=Client, keep_alive=bint, is_request_done=bint)
    cdef _finish(self)
    @cython.locals(client=Client)
    cpdef fail(self, object error)
    cpdef abort(self)
    @cython.locals(carrier=Carrier)
    cdef _drop(self)
    @cython.locals(plane=Plane, now=double)
    cpdef end(self)
    @cython.locals(deadline=double)
    cpdef set_deadline(self, double seconds)
    cpdef on_client_ready(self)
    cpdef on_deadline(self, double now)
