from fastgw.core cimport _counters as counters
from fastgw.core.exchange.body cimport RequestBody
from fastgw.core.live.endpoint cimport Endpoint
from fastgw.core.net.connection cimport Connection
from fastgw.core.plane cimport Plane
from fastgw.core.snapshot.snapshot cimport Listener, Route, Service
from fastgw.wire.messages cimport Request, Response


cdef class Client(Connection):
    cdef public Listener listener
    cdef public bytes address
    cdef public bytes forwarded
    cdef public bytes identity
    cdef public bint is_trusted
    cdef public bytes version
    cdef public Exchange exchange
    cpdef _open(self)
    cpdef read_body(self)
    cpdef bint has_more(self) except -1
    cpdef expect_body(self, Exchange exchange)
    cpdef bint wants_data(self, Exchange exchange) except -1
    cpdef bint takes_trailers(self, Exchange exchange) except -1
    cpdef send_interim(self, Exchange exchange)
    cpdef send_head(self, Exchange exchange)
    cpdef send_body(self, bytes data)
    cpdef send_last(self, bytes data)
    cpdef Py_ssize_t send_reply(self, Exchange exchange, object reply) except -1
    cpdef start_tunnel(self, Exchange exchange, object tunnel)
    cpdef cut(self, Exchange exchange)
    cpdef on_finished(self, bint keep_alive, bint is_request_done)
    cpdef on_drain(self)
    cpdef on_deadline(self, double now)


cdef class Carrier(Connection):
    cdef public Exchange exchange
    cdef public object tunnel
    cpdef carry(self, Exchange exchange)
    cpdef send_body(self, bytes data, bint is_last)
    cpdef let_go(self, bint is_request_done)
    cpdef bint is_between_chunks(self)
    cpdef long long chunk_data(self)
    cpdef set_aside(self)
    cpdef leave(self)


cdef class Exchange:
    cdef public Plane plane
    cdef public Request request
    cdef public Response response
    cdef public RequestBody body
    cdef public Client client
    cdef public Carrier carrier
    cdef public Endpoint endpoint
    cdef public Listener listener
    cdef public Route route
    cdef public Service service
    cdef public int phase
    cdef public long long serial
    cdef public Py_ssize_t entered
    cdef public dict notes
    cdef public int attempts
    cdef public str asked
    cdef public tuple tried
    cdef public object first_error
    cdef public str first_asked
    cdef public object hedge
    cdef public bint is_spared
    cdef public bint is_upload
    cdef public object error
    cdef public bint is_head_sent
    cdef public bint is_leaving
    cdef public bint is_half_closed
    cdef public bint keep_alive
    cdef public double started
    cdef public double sent
    cdef public double answered
    cdef public double overhead
    cdef public int uncounted
    cdef public double last
    cdef public double line_since
    cdef public long long bytes_out
    cdef public object mirror
    cdef public object inward
    cdef public object outward
    cdef public object ticket
    cdef public object tunnel
    cdef public object replied
    cdef public list withheld
    cdef public object waiting
    cpdef reset(self)
    cpdef ask_again(self)
    cpdef begin(self, Client client, Listener listener)
    cpdef enter(self, Client client, Listener listener, Route route)
    cpdef on_request_body(self, bytes data)
    cpdef on_client_ready(self)
    cpdef abort(self)
    cpdef on_carrier(self, Carrier carrier)
    cpdef on_interim(self)
    cpdef on_upgrade(self)
    cpdef on_head(self)
    cpdef set_aside(self)
    cpdef on_body(self, bytes data, long long payload)
    cpdef on_last_body(self, bytes data, long long payload)
    cpdef note(self, str name, object value)
    cpdef dispatch(self)
    cpdef on_admitted(self)
    cpdef answer_is_ready(self)
    cpdef reply(self, object reply)
    cpdef fail(self, object error)
    cpdef end(self)
    cpdef set_deadline(self, double seconds)
    cpdef on_deadline(self, double now)
