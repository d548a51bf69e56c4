cimport cython
from libc cimport math

cdef double _DECAY


cdef class _Cost:
    cdef public double seconds
    cdef public double at


cdef class PeakEwma:
    cdef public object _clock
    cdef public object _random
    cdef public dict _costs
    @cython.locals(count=Py_ssize_t, where=double, place=Py_ssize_t, other=Py_ssize_t, now=double)
    cpdef pick(self, candidates)
    @cython.locals(in_hand=double, weight=double)
    cpdef double _load(self, candidate, double now) except? -1
    @cython.locals(cost=_Cost)
    cpdef double _seconds(self, candidate, double now) except? -1
    @cython.locals(cost=_Cost, now=double, faded=double, part=double, is_least=bint)
    cpdef settle(self, endpoint, outcome, double seconds)
