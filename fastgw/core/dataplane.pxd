cimport cython

from fastgw.core cimport _counters as counters
from fastgw.core.exchange.relay cimport Exchange


cdef class DataPlane:
    cdef public object loop
    cdef public object poller
    cdef public unsigned long long[::1] values
    cdef public object random
    cdef public object clock
    cdef public double now
    cdef public bytes date
    cdef long long _dated
    cdef object _wall
    cdef public long long body_bytes
    cdef public object snapshot
    cdef public dict listeners
    cdef public long long generation
    cdef public dict names
    cdef public object on_standing
    cdef public object registry
    cdef public object lingering
    cdef public set connections
    cdef public Py_ssize_t connections_max
    cdef public bint is_draining
    cdef public object on_idle
    cdef dict _addresses
    cdef list _free
    cdef Py_ssize_t _free_max
    cdef object _leaving
    cdef object _on_log
    cdef double _swept_at
    cdef object _sweeper
    cpdef Exchange take(self)
    cpdef give_back(self, Exchange exchange)
    @cython.locals(base=Py_ssize_t, now=double, micros="long long", status=int, bucket=Py_ssize_t)
    cpdef count(self, Exchange exchange)
