cdef class Members:
    cdef public tuple ready
    cdef public tuple all
    cdef public tuple reachable
    cdef tuple _rooms
    cdef object _ejection
    cdef bint _is_any_up
    cdef public object report
    cdef public object budget
    cdef public object judge
    cdef public object breaking
    cdef public object outlying
    cdef public double panic_below
    cdef bint _is_panic
    cpdef tuple untried(self, tuple tried)
    cpdef bint settle(self, endpoint, outcome, double seconds, double now) except -1
    cpdef bint unconnected(self, endpoint, error, double now) except -1
