cimport cython


cdef class Window:
    cdef list _buckets
    cdef long long _turn
    cdef double _width
    cdef public long long calls
    cdef public long long failures
    cdef public long long slow
    cpdef clear(self)
    cpdef add(self, double now, long long calls, long long failures, long long slow)
    @cython.locals(turn="long long")
    cpdef look(self, double now)
    cdef _turn_to(self, long long turn)


cdef class BreakerState:
    cdef object _terms
    cdef public Window window
    cdef public str state
    cdef public double until
    cdef public str why
    cdef Py_ssize_t _times
    cdef double _closed
    cdef double _began
    cdef double _round
    cdef Py_ssize_t _given
    cdef Py_ssize_t _good
    cpdef bint is_quiet(self) except -1
    cpdef bint look(self, double now) except -1
    cpdef bint has_room(self, double now) except -1
