cimport cython

from fastgw.core cimport _counters as counters
from fastgw.core.dataplane cimport DataPlane
from fastgw.core.exchange.ends cimport Client, Exchange
from fastgw.core.exchange.relay cimport Relay
from fastgw.core.http2.budget cimport FloodBudget
from fastgw.core.http2.link cimport Http2Link
from fastgw.core.http2.stream cimport Http2Stream
from fastgw.core.snapshot.snapshot cimport Listener
from fastgw.wire.http2 cimport frames
from fastgw.wire.http2.frames cimport FrameReader
from fastgw.wire.http2.sections cimport RequestSection

# Constants that the module imports, as C.
cdef int ACK, DATA, END_STREAM, HEADERS, NONE, PING, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE
cdef int NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, STREAM_CLOSED


cdef class Http2Streams(Client):
    cdef public DataPlane plane
    cdef public Http2Link _link
    cdef FloodBudget _budget
    cdef long long _generation
    cdef bint _is_begun
    cdef bint _is_busy
    cdef bint _is_reading
    cdef bint _is_sparse
    cdef object _tls
    cdef bytes _right
    cdef public Py_ssize_t _most
    cdef int _is_going
    cdef long _last
    cdef public dict _streams
    cdef dict _resets
    cdef RequestSection _section
    cpdef _open(self)
    cpdef _rest(self)
    cpdef _fail(self, object error)
    cpdef _adopt(self, Listener listener)
    cpdef _set_most(self)
    @cython.locals(reader=FrameReader, kind=int)
    cdef _read(self)
    @cython.locals(reader=FrameReader)
    cpdef read_on(self, Http2Stream stream)
    cdef _go_on(self)
    @cython.locals(reader=FrameReader)
    cdef _take(self, int kind)
    cdef _spend(self, double cost, str what)
    @cython.locals(link=Http2Link, stream=Http2Stream, fields=list)
    cdef _on_headers(self, long number, bytes block, bint is_last)
    @cython.locals(listener=Listener, plane=DataPlane, link=Http2Link, stream=Http2Stream, section=RequestSection, exchange=Relay, head=bytes)
    cdef _begin_request(self, long number, list fields, bint is_last)
    cdef _check_host(self, bytes host)
    cdef _add(self, Http2Stream stream)
    cdef _answer(self, Http2Stream stream, object error, bytes head, bint is_last)
    @cython.locals(stream=Http2Stream)
    cdef _on_data(self, long number, bytes payload, Py_ssize_t size, bint is_last)
    @cython.locals(stream=Http2Stream, was="long long")
    cdef _on_window(self, long number, long size)
    @cython.locals(stream=Http2Stream)
    cdef _on_reset(self, long number)
    cpdef forget(self, Http2Stream stream, object code)
    cdef _reset(self, long number, int code)
    cdef _remember(self, long number)
