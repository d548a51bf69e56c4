cimport cython

from fastgw.core.models.asked cimport text_of
from fastgw.core.exchange.body cimport RequestBody
from fastgw.core.exchange.ends cimport Exchange
from fastgw.wire._json_skim cimport Skim as Skimmed
from fastgw.wire._lines cimport has_any
from fastgw.wire._scan cimport cut, join
from fastgw.wire.messages cimport Request

cdef int STRING, NULL
cdef unsigned char _HYPHEN
cdef Py_ssize_t _SMALL, MODEL_MAX


cdef class ModelBody:
    cdef Request _request
    cdef tuple _keys
    cdef bint _has_begun
    cdef bytes _form
    cdef public Skimmed skim
    cdef public object name
    cdef public Py_ssize_t start
    cdef public Py_ssize_t stop
    cpdef feed(self, bytes data)
    cdef _begin(self, unsigned char first)
    cpdef finish(self, bytes data)
    cpdef read(self, bytes data)
    @cython.locals(kind=int, raw=bytes)
    cdef _take_name(self, Skimmed skim)
    @cython.locals(place=Py_ssize_t)
    cpdef bytes renamed(self, bytes data, str name, bytes written=*)
    @cython.locals(value=bytes, made=list, at=Py_ssize_t, first=Py_ssize_t, last=Py_ssize_t, part=bytes)
    cpdef list renamed_parts(self, list parts, str name, bytes written=*)

cpdef hold(Exchange exchange, bytes data, bint has_digests=*)

@cython.locals(body=RequestBody, request=Request, size=Py_ssize_t, part=bytes)
cpdef hold_parts(Exchange exchange, list parts, bint has_digests=*)

cdef bytes _spliced(bytes data, Py_ssize_t start, Py_ssize_t stop, bytes value)
