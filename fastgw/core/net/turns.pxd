cimport cython


cdef class Later:
    cpdef on_turn_over(self)


@cython.final
cdef class Turn:
    cdef list _asked
    cdef object _loop
    cdef public bint is_open
    cpdef ask(self, Later one)
    @cython.locals(asked=list, one=Later)
    cpdef end(self)
