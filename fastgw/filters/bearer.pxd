cimport cython

from fastgw.core cimport _counters as counters
from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.plane cimport Plane
from fastgw.filters.credentials cimport Editor as Edited, Finder


cdef class Accepted:
    cdef public double until
    cdef public object claims
    cdef public bytes lines


cdef class Bearer:
    cdef public str name
    cdef public str _note
    cdef Finder _find
    cdef Edited _editor
    cdef bint _is_optional
    cdef list _headers
    cdef frozenset _fields
    cdef Py_ssize_t _largest
    cdef str _realm
    cdef str _scope
    @cython.locals(tokens=list)
    cpdef bytes token(self, Exchange exchange)
    @cython.locals(plane=Plane)
    cpdef let_through(self, Exchange exchange, Accepted accepted, Py_ssize_t by)
