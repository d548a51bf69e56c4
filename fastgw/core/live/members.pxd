cdef class Members:
    cdef public tuple ready
    cdef tuple _all
    cdef tuple _rooms
    cdef object _ejection
    cdef bint _is_any_up
    cdef public object report
    cdef public object judge
    cpdef tuple untried(self, tuple tried)
