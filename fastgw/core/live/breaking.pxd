cimport cython

from fastgw.core.plane cimport Plane
from fastgw.policy.breaker cimport BreakerState


cdef class Breaking:
    cdef public object settings
    cdef public Py_ssize_t base
    cdef object _members
    cdef Plane _plane
    cdef str _name
    cdef double _slow_after
    cdef frozenset _statuses
    cdef BreakerState _whole
    cdef bint _has_parts
    cdef dict _parts
    cdef object _guard
    cdef tuple _candidates
    cdef double _looked
    @cython.locals(now=double, after=double, is_slow=bint, is_counted=bint)
    cpdef settle(self, endpoint, outcome, double seconds)
    @cython.locals(whole=BreakerState, part=BreakerState)
    cdef bint _is_counted(self, endpoint, double now) except -1
