cimport cython


cdef class RoundRobin:
    cdef public dict _wealth
    cdef object _even
    cdef Py_ssize_t _turn
    cdef object _known
    cdef Py_ssize_t _left
    cdef list _dues
    cdef list _steps
    @cython.locals(count=Py_ssize_t)
    cpdef pick(self, candidates)


cdef class Random:
    cdef object _random
    cdef object _known
    cdef Py_ssize_t _left
    cdef bint _is_even
    cdef list _bounds
    cpdef pick(self, candidates)


cdef class LeastRequest:
    cdef object _random
    cdef object _newcomers
    cdef object _seen
    cdef object _beside
    cdef Py_ssize_t _turn
    cdef object _known
    cdef Py_ssize_t _left
    cdef bint _is_even
    cdef list _bounds
    cdef double _point
    @cython.locals(count=Py_ssize_t)
    cpdef pick(self, candidates)
    cdef _meet(self, candidates)
    @cython.locals(
        count=Py_ssize_t, best=object, tied="long long", is_uneven=bint, index=Py_ssize_t, place=Py_ssize_t, load="long long", least="long long"
    )
    cdef _pick_least(self, candidates)
    @cython.locals(count=Py_ssize_t, place=Py_ssize_t, other=Py_ssize_t, point=double)
    cdef _pick_of_two(self, candidates)
