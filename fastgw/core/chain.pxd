cdef class Chain:
    cdef public tuple names
    cdef public tuple request
    cdef public tuple response
    cdef public tuple done
