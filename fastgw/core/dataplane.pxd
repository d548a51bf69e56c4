cimport cython

from fastgw.core cimport _counters as counters
from fastgw.core.exchange.ends cimport Client
from fastgw.core.exchange.relay cimport Relay
from fastgw.core.plane cimport Plane


cdef class DataPlane(Plane):
    cdef public object snapshot
    cdef public dict listeners
    cdef public object registry
    cdef public object lingering
    cdef public set connections
    cdef public set unconnected
    cdef public Py_ssize_t connections_max
    cdef public object on_idle
    cdef public object spenders
    cdef dict _addresses
    cdef double _swept_at
    cdef double _late
    cdef object _sweeper
    @cython.locals(held=object)
    cpdef bint admit(self, Client connection) except -1
    @cython.locals(held=object)
    cpdef discharge(self, Client connection)
    cpdef Relay take(self)
