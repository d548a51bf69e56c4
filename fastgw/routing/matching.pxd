cimport cython

from fastgw.routing.conditions cimport Leaf
from fastgw.routing.trie cimport PathTable


cdef class Matcher:
    cdef tuple _any
    cdef dict _hosts
    cdef dict _suffixes
    cdef Py_ssize_t _longest
    cdef public bint has_hosts
    @cython.locals(table=PathTable, leaf=Leaf)
    cpdef match(self, bytes host, bytes method, bytes path, header)
    cpdef tuple cascade(self, bytes host)
    @cython.locals(dot=Py_ssize_t)
    cdef tuple _resolve(self, bytes host)
