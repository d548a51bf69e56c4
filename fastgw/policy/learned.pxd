cdef class Learned:
    cdef public double deviation
    cdef public double mean
    cpdef learn(self, double amount)
