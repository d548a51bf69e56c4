cimport cython
from libc.stdint cimport uint64_t


cdef class Rate:
    cdef public uint64_t burst
    cdef public uint64_t depth
    cdef public uint64_t interval
    cdef public uint64_t tolerance
    cpdef uint64_t charged(self, uint64_t time, uint64_t now) except? 0xFFFFFFFFFFFFFFFF
    @cython.locals(latest=uint64_t)
    cpdef uint64_t sound(self, uint64_t time, uint64_t now) except? 0xFFFFFFFFFFFFFFFF
    @cython.locals(soonest=uint64_t)
    cpdef uint64_t wait(self, uint64_t time, uint64_t now) except? 0xFFFFFFFFFFFFFFFF
    @cython.locals(lacking=uint64_t)
    cpdef uint64_t left(self, uint64_t time, uint64_t now) except? 0xFFFFFFFFFFFFFFFF
    cpdef uint64_t whole(self, uint64_t time, uint64_t now) except? 0xFFFFFFFFFFFFFFFF
