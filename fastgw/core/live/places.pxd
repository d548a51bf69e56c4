cimport cython
from libc.stdint cimport uint64_t

from fastgw.core.live.holds cimport Seat

# A constant that is imported, as C: compared without making an int of what is compared.
cdef int REFUSED


cdef class GatePlace:
    cdef public Py_ssize_t rank
    cdef public Py_ssize_t cell
    cdef public bint is_common


cdef class ServicePlaces:
    cdef Py_ssize_t _deferred
    cdef bint _is_left_free
    cdef tuple _own
    cdef Py_ssize_t _common
    cdef uint64_t _common_key
    cdef list _keys
    cdef object _learner
    cdef bytes _name
    cdef object _plane
    cdef Seat _seat
    cdef object _settings
    cdef list _waiting_keys
    cdef list _flags
    cdef public Py_ssize_t held
    cdef public Py_ssize_t limit
    cdef public object adaptive
    cpdef Py_ssize_t divide(self) except -1
    @cython.locals(seat=Seat, rank=Py_ssize_t, outcome=Py_ssize_t)
    cpdef Py_ssize_t take(self, GatePlace place, bint is_behind=*) except? -9
    cpdef give(self, GatePlace place)
    @cython.locals(higher=Py_ssize_t, same=Py_ssize_t, one=Py_ssize_t)
    cdef bint _yields(self, Py_ssize_t rank) except -1
    @cython.locals(found=Py_ssize_t)
    cdef Py_ssize_t _others(self, Py_ssize_t rank) except? -9
