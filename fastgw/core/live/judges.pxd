cdef class Judges:
    cdef public tuple all
    cpdef settle(self, endpoint, outcome, double seconds)
