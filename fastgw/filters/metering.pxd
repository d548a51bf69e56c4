cimport cython

from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.exchange.streaming cimport StreamingHook
from fastgw.wire cimport _glance as glance
from fastgw.wire cimport sse, usage
from fastgw.wire.messages cimport Response

# Constants of the module, and those it imports, as C.
cdef Py_ssize_t _WHOLE_MAX, _HEAD, _TAIL
cdef long long NOT_TOLD


cdef class UsageMeter(StreamingHook):
    cdef public usage.TokenCounts told
    cdef public double first
    cdef public double last
    cdef public bint is_whole
    cdef _begin(self)
    cpdef Py_ssize_t generated(self) except -1


cdef class AnswerMeter(UsageMeter):
    cdef list _head
    cdef bytes _tail
    cdef Py_ssize_t _size
    cpdef bytes feed(self, bytes data)
    @cython.locals(head=bytes)
    cpdef bytes finish(self)


cdef class StreamMeter(UsageMeter):
    cdef sse.BlockReader _reader
    cdef object _clock
    cdef int _early
    cdef Py_ssize_t _count
    cdef Py_ssize_t _size
    cdef Py_ssize_t _envelope
    cdef bint _is_done
    @cython.locals(block=bytes)
    cpdef bytes feed(self, bytes data)
    cpdef bytes finish(self)
    @cython.locals(count=Py_ssize_t, content=Py_ssize_t)
    cpdef Py_ssize_t generated(self) except -1
    @cython.locals(seen="long long")
    cdef bint _look(self, bytes block, Py_ssize_t begin) except -1
    @cython.locals(size=Py_ssize_t, content=Py_ssize_t)
    cdef _read_early(self, bytes block, Py_ssize_t begin)
    cpdef long long seen(self, bytes block, Py_ssize_t begin) except -1
    cpdef list parts(self, bytes block, Py_ssize_t begin)


cdef class StrippingMeter(StreamMeter):
    @cython.locals(block=bytes, begin=Py_ssize_t)
    cpdef bytes feed(self, bytes data)
    cpdef bytes finish(self)


cdef class LineMeter(StreamMeter):
    cpdef long long seen(self, bytes block, Py_ssize_t begin) except -1
    cpdef list parts(self, bytes block, Py_ssize_t begin)


@cython.locals(kept=list, at=Py_ssize_t, one=sse.StreamEvent)
cdef bytes _without_usage(bytes block, Py_ssize_t begin)


@cython.locals(response=Response, coding=bytes, kind=bytes)
cpdef UsageMeter meter_of(Exchange exchange, bint strips)
