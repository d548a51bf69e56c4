cimport cython
from libc.stdint cimport uint64_t

from fastgw.core.live cimport holds
from fastgw.core.live.board cimport Board as Shared, Table as Places
from fastgw.policy.amounts cimport Amounts as Speed


cdef class Tab:
    cdef Shared _board
    cdef Places _table
    cdef uint64_t _key
    cdef object _clock
    cdef Py_ssize_t _cell
    cdef uint64_t _before
    cdef public uint64_t needs
    cdef public Speed rate
    cdef public uint64_t taken
    cdef public uint64_t time
    cdef public uint64_t now
    cpdef bint look(self) except -1
    @cython.locals(_=Py_ssize_t, after=uint64_t)
    cpdef bint charge(self) except -1
    cpdef undo(self)
    @cython.locals(_=Py_ssize_t, taken=uint64_t, board=Shared)
    cpdef settle(self, uint64_t used)
    @cython.locals(_=Py_ssize_t, board=Shared, cell=Py_ssize_t, value=uint64_t, now=uint64_t)
    cdef _see(self)
