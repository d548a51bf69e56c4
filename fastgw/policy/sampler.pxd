cdef class Sampler:
    cdef double _share
    cdef object _chance
    cdef long long _left
    cpdef bint takes(self) except -1
    cdef long long _skipped(self) except -1
