cimport cython

from fastgw.core.http2.carrier cimport Bearing, Http2Carrier
from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.http2.budget cimport FloodBudget
from fastgw.core.http2.link cimport Http2Link
from fastgw.core.net.connection cimport Connection
from fastgw.core.plane cimport Plane
from fastgw.wire.http2 cimport frames
from fastgw.wire.http2.decoder cimport FieldDecoder
from fastgw.wire.http2.frames cimport FrameReader

# Constants, as C.
cdef int ACK, DATA, END_STREAM, GOAWAY, HEADERS, NONE, PING, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE


cdef class Http2Service(Bearing):
    cdef public object pool
    cdef public Http2Link link
    cdef public object opened
    cdef public bint is_member
    cdef public bint is_going
    cdef public int place
    cdef public double idle_since
    cdef public long long uses
    cdef public long last
    cdef public long most
    cdef public dict streams
    cdef public object why
    cdef FloodBudget _budget
    cdef bint _is_open
    cdef bytes _first
    cdef bytes _parting
    cdef dict _resets
    cdef double _heard_at
    cdef double _said_at
    cdef object _pinging
    cpdef bint has_room(self) except -1
    cpdef Http2Carrier carrier(self, Exchange exchange)
    cpdef long begin(self, Http2Carrier stream) except -1
    cpdef forget(self, Http2Carrier stream, int code)
    cdef _on_stream_over(self)
    @cython.locals(reader=FrameReader, kind=int)
    cpdef data_received(self, bytes data)
    cpdef bint keeps_rest(self) except -1
    cdef _go_on(self)
    @cython.locals(link=Http2Link, reader=FrameReader)
    cdef _take(self, int kind)
    cdef _spend(self, double cost, str what)
    @cython.locals(stream=Http2Carrier, decoder=FieldDecoder, limit=Py_ssize_t, fields=list)
    cdef _on_headers(self, long number, bytes block, bint is_last)
    @cython.locals(stream=Http2Carrier)
    cdef _on_data(self, long number, bytes payload, Py_ssize_t size, bint is_last)
    @cython.locals(stream=Http2Carrier, was="long long")
    cdef _on_window(self, long number, long size)
    cpdef close(self)
    cpdef abort(self)
