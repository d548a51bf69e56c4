cimport cython

from fastgw.core.live.holds cimport Seat
from fastgw.core.live.tabs cimport Tab
from fastgw.filters.keys cimport Keys


cdef class Counted:
    cdef Keys _keys
    cdef object _rate
    cdef str _settled
    cdef object _table
    cdef public Py_ssize_t base
    cdef public unsigned long long burst
    cdef public object kind
    cdef public str level
    cdef public object limit
    cdef public str only
    cdef public int part
    cdef public bint settles
    cdef public object shared
    cdef public str unit
    @cython.locals(seat=Seat)
    cpdef tab(self, exchange, clock, unsigned long long amount)
    @cython.locals(used="long long", own=Tab)
    cpdef settle(self, tab, dict settled)
    cpdef long long used(self, dict settled) except -1


cdef class CountedPlaces(Counted):
    pass
