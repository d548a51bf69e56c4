cimport cython

from fastgw.core cimport _counters as counters
from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.live.meters cimport Meter as Bucket
from fastgw.filters.credentials cimport Editor as Edited, Finder as Place

cdef double _NEVER


cdef class _Known:
    cdef public object key
    cdef public bytes digest
    cdef public str note
    cdef public dict labels
    cdef public dict limits
    cdef public str rails
    cdef public object rights
    cdef public bytes line
    cdef public double expires
    cdef public frozenset routes
    cdef public tuple rates
    cdef public object seat
    cdef public list meters


cdef class ApiKeys:
    cdef public str name
    cdef public object _file
    cdef tuple _finders
    cdef tuple _editors
    cdef tuple _realm
    cdef bytes _header
    cdef bint _is_open
    cdef dict _known
    cdef public dict _seen
    cdef object _wall
    cdef object _clock
    @cython.locals(count=Py_ssize_t, place=Py_ssize_t, number=Py_ssize_t, one=Place, found=list, secret=bytes, known=_Known, editor=Edited)
    cpdef request(self, Exchange exchange)
    cdef _Known _find(self, Exchange exchange, bytes secret)
    @cython.locals(meters=list, meter=Bucket)
    cdef _charge(self, Exchange exchange, _Known known)
