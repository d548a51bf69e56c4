from libc.stdint cimport uint64_t

from fastgw.core.live._cells cimport Cells as Memory

# Not ``_words``: some of its constants are beyond 32 bits, and objects made of them would be cut off.
cdef Py_ssize_t _VALUES_AT, _KEYS_AT


cdef class Table:
    cdef public Py_ssize_t start
    cdef public Py_ssize_t size


cdef class Board:
    cdef public Memory cells
    cdef public bytes seed
    cpdef uint64_t read(self, Py_ssize_t cell) except? 0xFFFFFFFFFFFFFFFF
    cpdef bint compare_and_swap(self, Py_ssize_t cell, uint64_t old, uint64_t new) except -1
    cpdef bint has_key(self, Py_ssize_t cell, uint64_t key) except -1
