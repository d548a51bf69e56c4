cimport cython

from fastgw.core cimport _counters as counters
from fastgw.core.exchange cimport arriving, hooks, tries
from fastgw.core.http1 cimport heads
from fastgw.core.exchange.body cimport RequestBody
from fastgw.core.dataplane cimport DataPlane
from fastgw.core.http1.client cimport Downstream
from fastgw.core.live.endpoint cimport Endpoint
from fastgw.core.snapshot.snapshot cimport Listener, Route, Service
from fastgw.core.http1.carrier cimport Upstream
from fastgw.wire cimport _scan as scan
from fastgw.wire.messages cimport Request
from fastgw.wire.messages cimport Response


cdef class Exchange:
    cdef public DataPlane plane
    cdef public Request request
    cdef public Response response
    cdef public RequestBody body
    cdef public Downstream downstream
    cdef public Upstream upstream
    cdef public Endpoint endpoint
    cdef public Listener listener
    cdef public Route route
    cdef public Service service
    cdef public int phase
    cdef public Py_ssize_t entered
    cdef public dict notes
    cdef public int attempts
    cdef public str asked
    cdef public tuple tried
    cdef public object first_error
    cdef public str first_asked
    cdef public bint is_spared
    cdef public bint is_upload
    cdef public object error
    cdef public bint is_head_sent
    cdef public bint is_leaving
    cdef public bint is_encoding
    cdef public bint is_half_closed
    cdef public bint keep_alive
    cdef public double started
    cdef public double last
    cdef public long long bytes_out
    cdef public object tunnel
    cdef public list early
    cdef public object task
    cdef bytes _head
    cdef object _answer
    cdef object _header
    cpdef reset(self)
    @cython.locals(plane=DataPlane, request=Request, route=Route)
    cpdef begin(self, Downstream downstream, Listener listener)
    cpdef bytes on_request_data(self, bytes data)
    @cython.locals(route=Route, service=Service)
    cpdef dispatch(self)
    @cython.locals(downstream=Downstream, early=bytes, rest=bytes)
    cdef bint _take_early(self) except -1
    @cython.locals(head=bytes)
    cpdef on_connection(self, Upstream upstream)
    cpdef on_interim(self)
    @cython.locals(leaving=tuple)
    cpdef on_head(self)
    cpdef answer_is_ready(self)
    @cython.locals(downstream=Downstream)
    cpdef on_body(self, bytes data, long long payload)
    @cython.locals(upstream=Upstream)
    cpdef on_last_body(self, bytes data, long long payload, bint clean)
    cpdef reply(self, object reply)
    cdef _send_reply(self, object reply)
    @cython.locals(downstream=Downstream, keep_alive=bint, is_request_done=bint)
    cpdef finish(self)
    cpdef abort(self)
    cdef _drop_upstream(self)
    @cython.locals(plane=DataPlane)
    cpdef end(self)
    @cython.locals(deadline=double)
    cpdef set_deadline(self, double seconds)
    cpdef on_deadline(self, double now)
