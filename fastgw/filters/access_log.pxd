cimport cython

from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.snapshot.snapshot cimport Service
from fastgw.filters._writer cimport Writer as Written
from fastgw.filters.log_lines cimport LogLines
from fastgw.wire.messages cimport Request


cdef class AccessLog:
    cdef public str name
    cdef list _fields
    cdef list _ids
    cdef frozenset _taken
    cdef long long _second
    cdef bytes _time
    cdef object _wall
    cdef bint _has_more
    cdef double _share
    cdef LogLines _lines
    @cython.locals(request=Request, service=Service, writer=Written, micros="long long", now=double)
    cpdef done(self, Exchange exchange)
    @cython.locals(now=double, millis="long long", second="long long")
    cdef _begin(self, Written writer)
    @cython.locals(notes=dict, name=str)
    cdef _write_notes(self, Written writer, Exchange exchange)
    cdef _write_ids(self, Written writer, Exchange exchange)
    cdef _write(self, Written writer, object members)


cdef _write_name(Written writer, bytes key, str name)
