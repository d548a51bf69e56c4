cimport cython
from libc.stdint cimport uint64_t

from fastgw.core.live cimport _words as words
from fastgw.core.live._cells cimport Cells as Memory
from fastgw.core.live.board cimport Table as Places


@cython.locals(start=Py_ssize_t, size=Py_ssize_t, place=Py_ssize_t, found=uint64_t, _=Py_ssize_t)
cpdef Py_ssize_t find(Memory cells, Places table, uint64_t key) except? -9


cdef class Seat:
    cdef public object board
    cdef public Py_ssize_t number
    cdef Memory _cells
    cdef Py_ssize_t _intent
    cdef Py_ssize_t _ledger
    cdef uint64_t _tag
    cdef uint64_t _serial
    @cython.locals(cell=Py_ssize_t, outcome=Py_ssize_t)
    cpdef Py_ssize_t take(self, Places table, uint64_t key, uint64_t limit) except? -9
    @cython.locals(cells=Memory, value=uint64_t, count=uint64_t)
    cpdef Py_ssize_t _take(self, Py_ssize_t cell, uint64_t key, uint64_t limit) except? -9
    @cython.locals(value=uint64_t)
    cpdef give(self, Py_ssize_t cell)
    @cython.locals(value=uint64_t, cell=Py_ssize_t)
    cpdef uint64_t count(self, Places table, uint64_t key) except? 0xFFFFFFFFFFFFFFFF
    cpdef uint64_t held(self, Py_ssize_t cell) except? 0xFFFFFFFFFFFFFFFF
    @cython.locals(value=uint64_t)
    cpdef bint _renew(self, Py_ssize_t cell) except -1
    @cython.locals(cells=Memory, serial=uint64_t)
    cpdef bint _swap(self, uint64_t kind, Py_ssize_t cell, uint64_t value, uint64_t count) except -1
    @cython.locals(held=uint64_t)
    cpdef _note(self, uint64_t kind, Py_ssize_t cell, uint64_t serial)
    @cython.locals(owner=Py_ssize_t, serial=uint64_t, cells=Memory, intent=Py_ssize_t, known=uint64_t)
    cpdef _acknowledge(self, Py_ssize_t cell, uint64_t value)
    # Constants beyond 32 bits are right among C integers only: as objects they would be cut off.
    @cython.locals(intent=uint64_t, kind=uint64_t, cell=Py_ssize_t, serial=uint64_t, value=uint64_t, is_signed=bint)
    cpdef _complete(self)
    @cython.locals(held=uint64_t, value=uint64_t, cell=Py_ssize_t)
    cpdef Py_ssize_t give_all(self) except -1
