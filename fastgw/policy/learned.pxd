cdef double _MEAN_GAIN, _DEVIATION_GAIN, _DEVIATIONS


cdef class Learned:
    cdef public double deviation
    cdef public double mean
    cpdef learn(self, double amount)
