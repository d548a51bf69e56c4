cimport cython

from fastgw.core.net.connection cimport Connection
from fastgw.core.net.turns cimport Later, Turn
from fastgw.wire cimport _scan as scan
from fastgw.wire.http2 cimport frames
from fastgw.wire.http2.decoder cimport FieldDecoder
from fastgw.wire.http2.encoder cimport FieldEncoder
from fastgw.wire.http2.frames cimport FrameReader

cdef Py_ssize_t _HALF, FRAME_MOST, PIECE_LEAST

cpdef put_early(list early, bytes payload)


cdef class Http2Link(Later):
    cdef Connection _connection
    cdef object _loop
    cdef Turn _turn
    cdef list _out
    cdef bint _is_scheduled
    cdef Py_ssize_t _received
    cdef readonly FrameReader reader
    cdef readonly FieldDecoder decoder
    cdef readonly FieldEncoder encoder
    cdef readonly object peer
    cdef public long long window
    cdef public bint has_sent
    cdef long _credit
    cpdef bint is_worth(self, long size, long long window) except -1
    @cython.locals(turn=Turn)
    cpdef put(self, bytes data)
    cpdef on_turn_over(self)
    @cython.locals(out=list)
    cpdef flush(self)
    cpdef leave(self)
    @cython.locals(size=Py_ssize_t, most="long long", at=Py_ssize_t, stop=Py_ssize_t)
    cpdef long long put_data(self, long number, bytes data, long long window, bint is_last) except -1
    cpdef widen(self, long long size)
    cpdef count(self, Py_ssize_t size)
