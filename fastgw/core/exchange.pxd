cimport cython

from fastgw.core.body cimport RequestBody
from fastgw.core.dataplane cimport DataPlane
from fastgw.core.downstream cimport Downstream
from fastgw.core.endpoint cimport Endpoint
from fastgw.core.upstream cimport Upstream
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
    cdef public object listener
    cdef public object route
    cdef public object service
    cdef public int phase
    cdef public Py_ssize_t entered
    cdef public int attempts
    cdef public str asked
    cdef public tuple tried
    cdef public object error
    cdef public bint is_head_sent
    cdef public bint is_leaving
    cdef public bint is_encoding
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
    cpdef begin(self, Downstream downstream, object listener)
    cpdef bytes on_request_data(self, bytes data)
    cpdef dispatch(self)
    cdef _try(self)
    cpdef on_connection(self, Upstream upstream)
    cpdef on_interim(self)
    cpdef on_head(self)
    cpdef answer_is_ready(self)
    cpdef on_body(self, bytes data, long long payload)
    cpdef on_last_body(self, bytes data, long long payload, bint clean)
    cpdef reply(self, object reply)
    cdef _send_reply(self, object reply)
    cpdef finish(self)
    cpdef abort(self)
    cdef _drop_upstream(self)
    cdef _release_endpoint(self)
    cpdef end(self)
    @cython.locals(deadline=double)
    cpdef set_deadline(self, double seconds)
    cpdef on_deadline(self, double now)
