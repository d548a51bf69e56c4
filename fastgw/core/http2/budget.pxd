cdef class FloodBudget:
    cdef double _left
    cdef double _since
    cpdef spend(self, double cost, str what, double now)
    cpdef earn(self)
