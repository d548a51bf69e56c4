cimport cython
from libc.stdint cimport uint64_t

from fastgw.policy cimport _spans as spans

cdef uint64_t LONGEST


cdef class Amounts:
    cdef uint64_t _count
    cdef uint64_t _period
    cdef public uint64_t ahead
    cdef public uint64_t burst
    cdef public uint64_t depth
    cpdef uint64_t span(self, uint64_t amount) except? 0xFFFFFFFFFFFFFFFF
    @cython.locals(after=uint64_t, latest=uint64_t)
    cpdef uint64_t taken(self, uint64_t time, uint64_t now, uint64_t amount) except? 0xFFFFFFFFFFFFFFFF
    @cython.locals(least=uint64_t, back=uint64_t)
    cpdef uint64_t given(self, uint64_t time, uint64_t now, uint64_t amount) except? 0xFFFFFFFFFFFFFFFF
    @cython.locals(latest=uint64_t)
    cpdef uint64_t sound(self, uint64_t time, uint64_t now) except? 0xFFFFFFFFFFFFFFFF
    @cython.locals(needed=uint64_t, there=uint64_t)
    cpdef uint64_t wait(self, uint64_t time, uint64_t now, uint64_t amount) except? 0xFFFFFFFFFFFFFFFF
    @cython.locals(lacking=uint64_t, found=uint64_t)
    cpdef uint64_t left(self, uint64_t time, uint64_t now) except? 0xFFFFFFFFFFFFFFFF
    cpdef uint64_t whole(self, uint64_t time, uint64_t now) except? 0xFFFFFFFFFFFFFFFF
