cimport cython

from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.exchange.streaming cimport StreamingHook
from fastgw.core.snapshot.chain cimport BodyOpening
from fastgw.wire._lines cimport has_any
from fastgw.wire.messages cimport Request, Response

# Constants of the module, and those it imports, as C: compared without making an int of what is compared.
cdef int HOLD_PENDING, BODY_CHUNKED, BODY_NONE, BODY, HOOKS, STREAM


cdef class _Stage:
    cdef public BodyOpening opening
    cdef public object hook
    cdef public Py_ssize_t owed
    cdef public bytearray gathered
    cdef public StreamingHook streaming


cdef class Passage:
    cdef Exchange _exchange
    cdef Py_ssize_t _first
    cdef Py_ssize_t _gather
    cdef list _kept
    cdef Py_ssize_t _size
    cdef list _stages
    cdef public Py_ssize_t held
    cdef public bint is_whole
    @cython.locals(first=Py_ssize_t, place=Py_ssize_t, stage=_Stage, out=bytes)
    cpdef bytes feed(self, bytes data, bint is_last)
    @cython.locals(exchange=Exchange, response=Response, out=bytes)
    cpdef bytes feed_answer(self, bytes data, bint is_last)
    cpdef leave(self)
    cpdef bint is_gathering(self) except -1
    @cython.locals(out=bytes, streaming=StreamingHook)
    cdef bytes _stream(self, _Stage stage, bytes data, bint is_last)
    cdef bytes _gathered(self, Py_ssize_t place, bytearray gathered, bytes data, bint is_last)
    cdef _problem(self, _Stage stage, Py_ssize_t size)
    cdef bytes _whole(self, Py_ssize_t place, bytes body)
    cdef _wait(self, Py_ssize_t place, bytes body, object out)
    cdef _end_whole(self, Py_ssize_t size)
    cdef _keep(self, Py_ssize_t size)
    cdef bint _is_full(self) except -1
    @cython.locals(announced=list, stage=_Stage)
    cpdef bint announce(self) except -1
    @cython.locals(stage=_Stage, one=_Stage)
    cdef bint _add_trailers(self) except -1


@cython.locals(known=Passage)
cdef bytes fed(object outward, bytes data, bint is_last)

@cython.locals(passage=Passage)
cpdef bint begin_request(Exchange exchange) except -1

@cython.locals(response=Response, passage=Passage, openings=tuple, closest=BodyOpening, first=Py_ssize_t)
cpdef bint begin_answer(Exchange exchange) except -1

@cython.locals(edited=frozenset)
cdef bint _may_change_request(Request request) except -1

cdef bint _may_change_response(Request request, Response response) except -1

@cython.locals(opening=BodyOpening, place=Py_ssize_t, is_of_request=bint)
cdef list _open(Exchange exchange, tuple openings, Py_ssize_t first)

cdef bytes _checked(object out)
