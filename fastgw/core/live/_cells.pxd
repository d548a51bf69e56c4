from libc.stdint cimport uint64_t


cdef class Cells:
    cdef readonly int fd
    cdef object _map
    cdef uint64_t[::1] _words
    cpdef uint64_t load(self, Py_ssize_t index) except? 0xFFFFFFFFFFFFFFFF
    cpdef int store(self, Py_ssize_t index, uint64_t value) except -1
    cpdef bint compare_and_swap(self, Py_ssize_t index, uint64_t old, uint64_t new) except -1
    cpdef close(self)
